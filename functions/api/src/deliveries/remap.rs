//! A notification that could not be mapped, or was filtered, is looked at again with the mapping as it is by now. Any
//! other goes again as it went: the same id, the same body.

use shared::{delivery::DeathCause, mapping::Mapping, notification::NotificationDelivery, problem::Problem};

use crate::{Context, http::unavailable};

/// Chooses the version of the mapping that a notification is sent again by.
pub(crate) async fn remap(context: &Context, row: &mut NotificationDelivery) -> Result<(), Problem> {
    let was_mapped = !matches!(row.died_of, Some(DeathCause::Unmappable | DeathCause::Filtered));
    let Some(mapping) = row.mapping.as_ref().filter(|_| !was_mapped) else { return Ok(()) };
    let found = context.table.find::<Mapping>(&row.account, mapping).await.map_err(unavailable)?;
    row.mapping_version = found.map(|f| f.resource.version);
    Ok(())
}
