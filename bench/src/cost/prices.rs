//! What AWS takes: us-east-1, arm64, on demand, no free tier, in US dollars.
//!
//! Copied from the price pages below when this was written; another region or another day is another table.

const MILLION: f64 = 1e6;

/// A request to an HTTP API, of up to 512 KB. Source: <https://aws.amazon.com/api-gateway/pricing/>.
pub(super) const HTTP_API_REQUEST: f64 = 1.00 / MILLION;

/// An invocation. Source: <https://aws.amazon.com/lambda/pricing/>.
pub(super) const LAMBDA_REQUEST: f64 = 0.20 / MILLION;

/// A second with 1024 MB on arm64, billed by the millisecond, rounded up. Source: as before.
pub(super) const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;

/// A request to a standard queue, for each 64 KiB of it. Source: <https://aws.amazon.com/sqs/pricing/>.
pub(super) const SQS_REQUEST: f64 = 0.40 / MILLION;

/// A write unit: a row of up to 1 KB; twice that in a transaction.
/// Source: <https://aws.amazon.com/dynamodb/pricing/on-demand/>.
pub(super) const WRITE_UNIT: f64 = 0.625 / MILLION;

/// A read unit: 4 KB read consistently, 8 KB otherwise. Source: as before.
pub(super) const READ_UNIT: f64 = 0.125 / MILLION;

/// A PUT, COPY, POST or LIST request. Source: <https://aws.amazon.com/s3/pricing/>.
pub(super) const S3_PUT: f64 = 5.00 / MILLION;

/// A GET or any other request; deletes cost nothing. Source: as before.
pub(super) const S3_GET: f64 = 0.40 / MILLION;

/// A request to the key service. Source: <https://aws.amazon.com/kms/pricing/>.
pub(super) const KMS_REQUEST: f64 = 3.00 / MILLION;

/// A byte that CloudWatch Logs takes in, of 10^9 in a GB. Source: <https://aws.amazon.com/cloudwatch/pricing/>.
pub(super) const LOG_BYTE: f64 = 0.50 / 1e9;
