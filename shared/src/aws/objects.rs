//! The bucket: whole objects, conditional replacement, and uploads in parts.
//!
//! Every object is tagged with its folder, by which the lifecycle rules go: the account comes first in
//! its key, so a rule by prefix could not name a folder.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

pub use aws_sdk_s3::types::CompletedPart;
use aws_sdk_s3::{
    Client,
    error::ProvideErrorMetadata,
    presigning::PresigningConfig,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, TaggingDirective},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;

use super::AwsError;
use crate::keys;

/// The bucket and the client that reaches it.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
}

/// A whole object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its ETag, for a conditional replacement.
    pub etag: String,
}

/// What a replacement expects to find.
#[derive(Clone, Copy, Debug)]
pub enum Expect<'a> {
    /// No object under this key.
    Nothing,
    /// An object with this ETag.
    ETag(&'a str),
}

/// What became of a conditional replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It was written.
    Yes,
    /// Something else is there by now.
    Changed,
}

/// What a link leads to.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// Key of the object.
    pub key: &'a str,
    /// The name under which browsers save it: of letters, digits, `-`, `_` and `.`.
    pub file_name: &'a str,
    /// Its content type.
    pub content_type: &'a str,
    /// The time from which it holds.
    pub from: Timestamp,
    /// For how long.
    pub holds: Duration,
}

/// What an upload by somebody else may write.
#[derive(Clone, Copy, Debug)]
pub struct UploadLink<'a> {
    /// Key of the object.
    pub key: &'a str,
    /// Its size.
    pub size_bytes: i64,
    /// Its SHA-256, where it is known: S3 refuses other bytes then.
    pub sha256: Option<&'a [u8; 32]>,
    /// The time from which it holds.
    pub from: Timestamp,
    /// For how long.
    pub holds: Duration,
}

/// A PUT that somebody else may make.
#[derive(Clone, Debug)]
pub struct UploadRequest {
    /// Its URL.
    pub url: String,
    /// The headers that it must have.
    pub headers: BTreeMap<String, String>,
}

/// An object that somebody else wrote.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// Its size.
    pub size_bytes: u64,
    /// What S3 held it against when it was written; `None` where it was not.
    pub sha256: Option<[u8; 32]>,
    /// Its ETag.
    pub etag: String,
}

impl Bucket {
    /// Names the bucket.
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Writes an object, over whatever is there: for keys that always get the same bytes.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), AwsError> {
        self.client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .tagging(tag(key))
            .body(ByteStream::from(bytes.into()))
            .send()
            .await
            .map_err(AwsError::call("s3:PutObject"))?;
        Ok(())
    }

    /// Replaces an object if it is still what the caller read. `by` is kept with it, so that a caller whose
    /// answer was lost can tell its own write from another's.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn replace(
        &self,
        key: &str,
        bytes: impl Into<Bytes>,
        expect: Expect<'_>,
        by: &str,
    ) -> Result<Replaced, AwsError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .tagging(tag(key))
            .metadata("by", by)
            .body(ByteStream::from(bytes.into()));
        let put = match expect {
            Expect::Nothing => put.if_none_match("*"),
            Expect::ETag(etag) => put.if_match(etag),
        };
        match put.send().await {
            Ok(_) => Ok(Replaced::Yes),
            Err(e) if e.raw_response().is_some_and(|r| is_changed(r.status().as_u16())) => {
                Ok(Replaced::Changed)
            }
            Err(e) => Err(AwsError::call("s3:PutObject")(e)),
        }
    }

    /// Says by whom an object was written last, if it is there.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn written_by(&self, key: &str) -> Result<Option<String>, AwsError> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(head) => Ok(head.metadata.and_then(|mut m| m.remove("by"))),
            Err(e) if e.raw_response().is_some_and(|r| r.status().as_u16() == 404) => Ok(None),
            Err(e) => Err(AwsError::call("s3:HeadObject")(e)),
        }
    }

    /// Says whether an object is there.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn exists(&self, key: &str) -> Result<bool, AwsError> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(_) => Ok(true),
            Err(e) if e.raw_response().is_some_and(|r| r.status().as_u16() == 404) => Ok(false),
            Err(e) => Err(AwsError::call("s3:HeadObject")(e)),
        }
    }

    /// Makes a link with which anyone can read an object for a while. It says nothing about whether it is there.
    ///
    /// # Errors
    /// When there are no credentials to sign it with, or it would hold for longer than a week.
    pub async fn link(&self, download: &Download<'_>) -> Result<String, AwsError> {
        let times = PresigningConfig::builder().start_time(download.from.into()).expires_in(download.holds);
        let times = times.build().map_err(|e| AwsError::damaged("a link", e))?;
        let saved_as = format!("attachment; filename=\"{}\"", download.file_name);
        let get = self.client.get_object().bucket(&self.name).key(download.key);
        let get = get.response_content_disposition(saved_as).response_content_type(download.content_type);
        let signed = get.presigned(times).await.map_err(AwsError::call("s3:GetObject"))?;
        Ok(signed.uri().to_string())
    }

    /// Makes a request with which anyone can write one object for a while, of exactly this size
    /// and, where their hash is known, of exactly these bytes: S3 refuses others.
    ///
    /// # Errors
    /// When there are no credentials to sign it with, or it would hold for longer than a week.
    pub async fn upload_link(&self, upload: &UploadLink<'_>) -> Result<UploadRequest, AwsError> {
        let times = PresigningConfig::builder().start_time(upload.from.into()).expires_in(upload.holds);
        let times = times.build().map_err(|e| AwsError::damaged("a link", e))?;
        let put = self.client.put_object().bucket(&self.name).key(upload.key).tagging(tag(upload.key));
        let put = put.content_length(upload.size_bytes);
        let put = put.set_checksum_sha256(upload.sha256.map(|sha256| STANDARD.encode(sha256)));
        let signed = put.presigned(times).await.map_err(AwsError::call("s3:PutObject"))?;
        let headers = signed.headers().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Ok(UploadRequest { url: signed.uri().to_string(), headers })
    }

    /// Looks at an object that was written with an SHA-256.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn uploaded(&self, key: &str) -> Result<Option<Uploaded>, AwsError> {
        let head = self.client.head_object().bucket(&self.name).key(key).checksum_mode(ChecksumMode::Enabled);
        match head.send().await {
            Ok(head) => Ok(Some(Uploaded {
                size_bytes: head.content_length.and_then(|n| n.try_into().ok()).unwrap_or(0),
                sha256: head.checksum_sha256.and_then(|text| STANDARD.decode(text).ok()?.try_into().ok()),
                etag: head.e_tag.unwrap_or_default(),
            })),
            Err(e) if e.raw_response().is_some_and(|r| r.status().as_u16() == 404) => Ok(None),
            Err(e) => Err(AwsError::call("s3:HeadObject")(e)),
        }
    }

    /// Copies an object as long as it has this ETag; `false` when it has not, or is gone.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn copy(&self, from: &str, etag: &str, to: &str) -> Result<bool, AwsError> {
        let copy = self
            .client
            .copy_object()
            .bucket(&self.name)
            .key(to)
            .copy_source(format!("{}/{from}", self.name)) // keys are of ids, hex digits and slashes
            .copy_source_if_match(etag)
            .tagging_directive(TaggingDirective::Replace)
            .tagging(tag(to));
        match copy.send().await {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.raw_response().map(|r| r.status().as_u16()), Some(412 | 404)) => Ok(false),
            Err(e) => Err(AwsError::call("s3:CopyObject")(e)),
        }
    }

    /// Reads an object whole.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, AwsError> {
        let Some((body, etag)) = self.open(key).await? else { return Ok(None) };
        let broken =
            |e| AwsError::Call { call: "s3:GetObject", code: "body cut".into(), source: Box::new(e) };
        let bytes = body.collect().await.map_err(broken)?.into_bytes();
        Ok(Some(Object { bytes, etag }))
    }

    /// Opens an object for reading piece by piece, with its ETag.
    ///
    /// # Errors
    /// When the call fails, or the size is not said.
    pub async fn open(&self, key: &str) -> Result<Option<(ByteStream, String)>, AwsError> {
        Ok(self.open_sized(key).await?.map(|(body, etag, _)| (body, etag)))
    }

    /// As [`Bucket::open`], with the object's size in bytes as well. The body itself does not tell it: where its checksum is
    /// looked at on the way, as S3 has it for all that is stored, its hint is 0.
    ///
    /// # Errors
    /// When the call fails, or the size is not said.
    pub async fn open_sized(&self, key: &str) -> Result<Option<(ByteStream, String, u64)>, AwsError> {
        match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(answer) => {
                let size_bytes = answer.content_length.and_then(|size| u64::try_from(size).ok());
                let unsaid = || AwsError::damaged(format!("object {key}"), "its size is not said");
                let etag = answer.e_tag.unwrap_or_default();
                Ok(Some((answer.body, etag, size_bytes.ok_or_else(unsaid)?)))
            }
            Err(e) if e.code() == Some("NoSuchKey") => Ok(None),
            Err(e) => Err(AwsError::call("s3:GetObject")(e)),
        }
    }

    /// Opens an object for reading piece by piece from this byte on, which it must have.
    ///
    /// # Errors
    /// When the call fails, or there is no such byte.
    pub async fn open_from(&self, key: &str, from: u64) -> Result<Option<ByteStream>, AwsError> {
        let range = format!("bytes={from}-");
        match self.client.get_object().bucket(&self.name).key(key).range(range).send().await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(e) if e.code() == Some("NoSuchKey") => Ok(None),
            Err(e) => Err(AwsError::call("s3:GetObject")(e)),
        }
    }

    /// Opens an object that is there for reading piece by piece.
    ///
    /// # Errors
    /// When the call fails, or it is not there.
    pub async fn open_known(&self, key: &str) -> Result<ByteStream, AwsError> {
        let missing = || AwsError::damaged(format!("object {key}"), "it is not there");
        self.open(key).await?.map(|(body, _)| body).ok_or_else(missing)
    }

    /// Begins an upload in parts. Nothing is under the key before it is completed.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn begin(&self, key: &str) -> Result<Upload, AwsError> {
        self.begin_by(key, None).await
    }

    /// As [`Bucket::begin`], of an object that says by whom it is.
    pub(super) async fn begin_by(&self, key: &str, by: Option<&str>) -> Result<Upload, AwsError> {
        let by = by.map(|by| HashMap::from([("by".into(), by.into())]));
        let answer = self
            .client
            .create_multipart_upload()
            .checksum_algorithm(ChecksumAlgorithm::Crc32) // as the SDK states with every part
            .bucket(&self.name)
            .key(key)
            .tagging(tag(key))
            .set_metadata(by)
            .send()
            .await
            .map_err(AwsError::call("s3:CreateMultipartUpload"))?;
        let id = answer.upload_id.ok_or_else(|| AwsError::damaged("an upload", "it has no id"))?;
        Ok(Upload { bucket: self.clone(), key: key.into(), id })
    }

    /// Goes on with an upload in parts, and lists the parts that are there, by number, with their bytes; `None` when it
    /// is gone.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn resume(
        &self,
        key: &str,
        id: &str,
    ) -> Result<Option<(Upload, Vec<(CompletedPart, u64)>)>, AwsError> {
        let list = self.client.list_parts().bucket(&self.name).key(key).upload_id(id);
        let mut pages = list.into_paginator().items().send();
        let mut parts = Vec::new();
        while let Some(part) = pages.next().await {
            let part = match part {
                Err(e) if e.code() == Some("NoSuchUpload") => return Ok(None),
                part => part.map_err(AwsError::call("s3:ListParts"))?,
            };
            let size_bytes = part.size.and_then(|n| n.try_into().ok()).unwrap_or(0);
            let completed = CompletedPart::builder()
                .set_part_number(part.part_number)
                .set_e_tag(part.e_tag)
                .set_checksum_crc32(part.checksum_crc32);
            parts.push((completed.build(), size_bytes));
        }
        Ok(Some((Upload { bucket: self.clone(), key: key.into(), id: id.into() }, parts)))
    }
}

/// An upload in parts, of at least 5 MiB each but the last.
#[derive(Clone, Debug)]
pub struct Upload {
    bucket: Bucket,
    key: String,
    id: String,
}

impl Upload {
    /// Its id, by which it can be resumed.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends a part; `number` counts from 1.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn part(&self, number: i32, bytes: Bytes) -> Result<CompletedPart, AwsError> {
        let answer = self
            .bucket
            .client
            .upload_part()
            .bucket(&self.bucket.name)
            .key(&self.key)
            .upload_id(&self.id)
            .part_number(number)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(AwsError::call("s3:UploadPart"))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build())
    }

    /// Makes the object of its parts.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn complete(self, parts: Vec<CompletedPart>) -> Result<(), AwsError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.bucket
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket.name)
            .key(&self.key)
            .upload_id(&self.id)
            .multipart_upload(parts)
            .send()
            .await
            .map_err(AwsError::call("s3:CompleteMultipartUpload"))?;
        Ok(())
    }

    /// Gives the upload up. If this fails too, a lifecycle rule removes the parts after two days.
    pub async fn abort(self) {
        let abort = self
            .bucket
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket.name)
            .key(&self.key)
            .upload_id(&self.id)
            .send()
            .await;
        if let Err(error) = abort {
            tracing::warn!(%error, "an upload could not be aborted; the bucket's lifecycle removes it");
        }
    }
}

/// 412: something else is there; 409: something else is just being written; 404: the object that was read is gone.
pub(super) fn is_changed(status: u16) -> bool {
    matches!(status, 404 | 409 | 412)
}

pub(super) fn tag(key: &str) -> String {
    format!("folder={}", keys::folder(key))
}
