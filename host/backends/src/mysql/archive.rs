//! What is kept by digest: the bytes of changes that ran, compressed, and the descriptions of components.

use std::sync::Arc;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::store::StoreError;

use super::client::Client;
use super::errors::Failure;
use super::schema;
use crate::compression::{self, Compressed, compressed};
use crate::servers::failure::Explain as _;
use crate::servers::statement::Statement;

const HAS: &str = "SELECT 1 FROM sandpiper_artifact WHERE digest = ? LIMIT 1";
const PUT: &str = "INSERT INTO sandpiper_artifact (digest, part, size, body) VALUES (?, ?, ?, ?)
     ON DUPLICATE KEY UPDATE size = size";
const GET: &str = "SELECT size, body FROM sandpiper_artifact WHERE digest = ? ORDER BY part";
const DESCRIBE: &str = "INSERT INTO sandpiper_description (digest, body) VALUES (?, ?)
     ON DUPLICATE KEY UPDATE body = VALUES(body)";
const DESCRIPTION: &str = "SELECT digest, body FROM sandpiper_description WHERE digest = ?";

/// How many bytes of an artifact travel at once.
const PART: usize = 512 << 10;

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
    let answers = client.batch(&asked).await.in_store()?;
    let missing = artifacts.iter().zip(&answers).filter(|(_, answer)| answer.rows.is_empty());
    let missing: Vec<_> = missing.map(|(artifact, _)| artifact).collect();
    Ok(Missing { artifacts: compressed(&missing)?, descriptions })
}

impl Missing<'_> {
    /// Keeps it, in one transaction.
    pub(crate) async fn put(&self, client: &mut Client) -> Result<(), Failure> {
        let mut statements = schema::begin_writing();
        for Compressed { digest, size, body } in &self.artifacts {
            let parts = body.chunks(PART).zip(0_u64..);
            statements.extend(parts.map(|(part, number)| {
                Statement::new(PUT, [digest.into(), number.into(), (*size).into(), part.into()])
            }));
        }
        let descriptions = self.descriptions.iter();
        statements.extend(
            descriptions
                .map(|(digest, text)| Statement::new(DESCRIBE, [digest.into(), text.as_str().into()])),
        );
        statements.push(Statement::plain("COMMIT"));
        let put = client.batch(&statements).await;
        if put.is_err() {
            schema::roll_back(client).await;
        }
        put.map(drop)
    }
}

/// The bytes of a digest, checked against it.
pub(crate) async fn artifact(client: &mut Client, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let answer = client.one(GET, vec![(&digest).into()]).await.in_store()?;
    let Some(first) = answer.rows.first() else { return Ok(None) };
    let size = first.number(0).in_store()?;
    let mut body = Vec::new();
    for row in &answer.rows {
        body.extend_from_slice(&row.bytes(1).in_store()?);
    }
    compression::restore(digest, size, &body).map(Some)
}

/// The descriptions of components that are kept.
pub(crate) async fn descriptions(
    client: &mut Client,
    digests: &[Digest],
) -> Result<Vec<(Digest, String)>, Failure> {
    let asked: Vec<Statement<'_>> =
        digests.iter().map(|digest| Statement::new(DESCRIPTION, [digest.into()])).collect();
    let answers = client.batch(&asked).await?;
    let rows = answers.iter().flat_map(|answer| &answer.rows);
    rows.map(|row| Ok((row.digest(0)?, row.text(1)?.to_owned()))).collect()
}
