//! Packed files that are pulled: staged as they came, unpacked when they are mapped, and never in part.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};
use tests::{
    flow::{Flow, simple_mapping},
    python::{gzip, zip},
    receiver::Manner,
    report::{expect, expect_failure},
    sftp_server::Entry,
};

const TEXT: &[u8] = "id;value\r\n1;a\r\n2;Å\r\n3;c\r\n".as_bytes();

async fn flow(compression: &str, files: &str) -> Result<Flow> {
    let flow = Flow::with(simple_mapping(), Manner::Take, Entry::Key).await?;
    flow.change_connection(|c| {
        c["source"]["compression"] = compression.into();
        c["source"]["files"] = files.into();
    })
    .await?;
    Ok(flow)
}

#[tokio::test]
async fn what_other_programs_pack_is_mapped_and_staged_as_it_came() -> Result<()> {
    for (compression, name, file) in
        [("gzip", "a.csv.gz", gzip(TEXT)?), ("zip", "a.zip", zip(&["out/lønn.csv"], TEXT)?)]
    {
        let flow = flow(compression, "a.*").await?;
        flow.put(name, &file)?;
        let run = flow.run().await?;
        expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
        let input = &run["inputs"][0];
        let sha256 = shared::id::hex(&Sha256::digest(&file));
        ensure!(input["sha256"] == sha256 && input["size_bytes"] == file.len(), "{run}");
        let staged = flow.stack.bucket().await?.get(input["object"].as_str().context("its object")?).await?;
        ensure!(staged.context("staged")?.bytes == file, "it is staged as it came");
        flow.agrees(&[&run]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_file_is_left_out_as_a_whole_and_the_others_go_on_their_way() -> Result<()> {
    let flow = flow("gzip", "*.gz").await?;
    let other = gzip(b"id;value\r\n4;d\r\n")?;
    // All of its records come before the checksum, which is wrong.
    let mut changed = gzip(TEXT)?;
    let at = changed.len() - 8;
    changed[at] ^= 1;
    flow.put("changed.gz", &changed)?;
    flow.put("cut.gz", &gzip(TEXT)?[..30])?;
    flow.put("other.gz", &other)?;
    let run = flow.run().await?;
    expect(&run, "PARTIAL", &[("read", 1), ("created", 1)]);
    let words = ["changed.gz: the file is no gzip, or is damaged", "cut.gz", "it ends in the middle"];
    expect_failure(&run, "mapping", "archive_damaged", false, &words);
    // Whole, they are taken.
    flow.put("cut.gz", gzip(TEXT)?)?;
    let again = flow.run().await?;
    expect(&again, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&run, &again]).await
}

#[tokio::test]
async fn an_archive_of_several_files_or_made_to_exhaust_the_hub_says_so_and_sends_nothing() -> Result<()> {
    let zeros = vec![0; 80 << 20];
    for (file, code, words) in [
        (zip(&["a.csv", "b.csv"], TEXT)?, "archive_members", "must hold one file, and holds 2: a.csv, b.csv"),
        (zip(&["a.csv"], &zeros)?, "archive_too_large", "more than 200 times its size"),
        (TEXT.to_vec(), "archive_damaged", "does not end as a zip archive does"),
        (Vec::new(), "archive_damaged", "does not end as a zip archive does"),
    ] {
        let flow = flow("zip", "*.zip").await?;
        flow.put("a.zip", &file)?;
        let run = flow.run().await?;
        expect(&run, "ERROR", &[]);
        expect_failure(&run, "mapping", code, false, &["a.zip", words]);
        flow.agrees(&[&run]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn only_files_are_packed() -> Result<()> {
    let flow = flow("gzip", "*.gz").await?;
    for (source, words) in [
        (json!({ "source": "src_1", "compression": "gzip" }), "unknown field `compression`"),
        (
            json!({ "target_server": flow.source, "files": "*", "compression": "rar" }),
            "unknown variant `rar`",
        ),
    ] {
        let body = json!({ "name": "x", "mapping": flow.mapping, "source": source,
            "target": { "target_server": flow.target } });
        let answer = flow.api.call("POST", "/v1/connections", &[], Some(&body.to_string())).await?;
        ensure!(answer.status == 422 && answer.body.to_string().contains(words), "{answer:?}");
    }
    Ok(())
}
