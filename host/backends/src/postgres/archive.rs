//! What is kept by digest: the bytes of changes that ran, compressed, and the descriptions of components.

use std::sync::Arc;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::store::StoreError;

use super::client::Client;
use super::errors::Failure;
use crate::compression::{self, Compressed, compressed};
use crate::servers::failure::Explain as _;
use crate::servers::statement::Statement;

const HAS: &str = "SELECT 1 FROM sandpiper.sandpiper_artifact WHERE digest = $1";
const PUT: &str = "INSERT INTO sandpiper.sandpiper_artifact (digest, size, body) VALUES ($1, $2, $3)
     ON CONFLICT (digest) DO NOTHING";
const GET: &str = "SELECT size, body FROM sandpiper.sandpiper_artifact WHERE digest = $1";
const DESCRIBE: &str = "INSERT INTO sandpiper.sandpiper_description (digest, body) VALUES ($1, $2)
     ON CONFLICT (digest) DO UPDATE SET body = excluded.body";
const DESCRIPTION: &str = "SELECT digest, body FROM sandpiper.sandpiper_description WHERE digest = $1";

/// What is to be kept and is not there yet, ready to be sent.
pub(crate) struct Missing<'a> {
    artifacts: Vec<Compressed>,
    descriptions: &'a [(Digest, String)],
}

/// Finds what of it is not there yet, and compresses it.
pub(crate) async fn missing<'a>(
    client: &mut Client,
    artifacts: &[(Digest, Arc<[u8]>)],
    descriptions: &'a [(Digest, String)],
) -> Result<Missing<'a>, StoreError> {
    let asked: Vec<Statement<'_>> =
        artifacts.iter().map(|(digest, _)| Statement::new(HAS, [digest.into()])).collect();
    let answers = if asked.is_empty() { Vec::new() } else { client.batch(&asked).await.in_store()? };
    let missing = artifacts.iter().zip(&answers).filter(|(_, answer)| answer.rows.is_empty());
    let missing: Vec<_> = missing.map(|(artifact, _)| artifact).collect();
    Ok(Missing { artifacts: compressed(&missing)?, descriptions })
}

impl Missing<'_> {
    /// Keeps it, in one transaction.
    pub(crate) async fn put(&self, client: &mut Client) -> Result<(), Failure> {
        let artifacts = self.artifacts.iter().map(|Compressed { digest, size, body }| {
            Statement::new(PUT, [digest.into(), (*size).into(), body.as_slice().into()])
        });
        let descriptions = self
            .descriptions
            .iter()
            .map(|(digest, text)| Statement::new(DESCRIBE, [digest.into(), text.as_str().into()]));
        let statements: Vec<Statement<'_>> = artifacts.chain(descriptions).collect();
        if statements.is_empty() {
            return Ok(());
        }
        client.batch(&statements).await.map(drop)
    }
}

/// The bytes of a digest, checked against it.
pub(crate) async fn artifact(client: &mut Client, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let answer = client.one(GET, vec![(&digest).into()]).await.in_store()?;
    let Some(row) = answer.rows.first() else { return Ok(None) };
    let (size, body) = (row.number(0).in_store()?, row.bytes(1).in_store()?);
    compression::restore(digest, size, &body).map(Some)
}

/// The descriptions of components that are kept.
pub(crate) async fn descriptions(
    client: &mut Client,
    digests: &[Digest],
) -> Result<Vec<(Digest, String)>, Failure> {
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<Statement<'_>> =
        digests.iter().map(|digest| Statement::new(DESCRIPTION, [digest.into()])).collect();
    let answers = client.batch(&asked).await?;
    let rows = answers.iter().flat_map(|answer| &answer.rows);
    rows.map(|row| Ok((row.digest(0)?, row.text(1)?.to_owned()))).collect()
}
