//! Notifications: who each is owed to, those that no connection wanted, and handing these out after all.

mod route;
mod view;

pub(crate) use route::{RouteNotification, route};
pub(crate) use view::{NotificationPage, NotificationView, list, show};
