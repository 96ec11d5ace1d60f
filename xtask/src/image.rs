//! The container image: one static binary and the root certificates. It is built here, and tested as it is.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::setup;
use crate::shell::{cargo, command, part, root, run as run_command, target};

const TRIPLE: &str = "x86_64-unknown-linux-musl";

/// What Debian calls the roots that it trusts.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What is started here, and the Debian package that has each.
const PROGRAMS: &[(&str, &str)] =
    &[("buildah", "buildah"), ("musl-gcc", "musl-tools"), ("update-ca-certificates", "ca-certificates")];

/// `cargo xtask image`.
pub(crate) fn run() -> Result<()> {
    part("set-up", || {
        setup::target(setup::GUESTS)?;
        setup::target(TRIPLE)?;
        setup::programs(PROGRAMS)
    })?;
    part("binary", || {
        run_command(cargo(&[
            "build",
            "--locked",
            "--release",
            "--target",
            TRIPLE,
            "--package",
            "sandpiper-cli",
            "--bin",
            "sandpiper",
        ]))
    })?;
    let folder = target().join("container-image");
    part("image", || build(&folder))?;
    part("tests of it", || {
        let mut test = cargo(&["test", "--locked", "--workspace", "--test", "stories", "image::"]);
        test.env("SANDPIPER_IMAGE", folder.join("layout"));
        run_command(test)
    })?;
    let layout = folder.join("layout");
    println!("\nthe image is in {}: `skopeo copy oci:{0} ..`, or", layout.display());
    println!("`podman load -i {}`, which calls it `localhost/sandpiper`", folder.join("image.tar").display());
    Ok(())
}

/// What is copied into the image, and nothing that the image could take by accident.
fn build(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("the folder of an earlier image could not be removed")?;
    }
    let context = folder.join("context");
    fs::create_dir_all(&context)?;
    let binary = target().join(TRIPLE).join("release/sandpiper");
    fs::copy(&binary, context.join("sandpiper")).context("the binary could not be copied")?;
    fs::copy(ROOTS, context.join("ca-certificates.crt")).context("the roots could not be copied")?;
    let tag = "localhost/sandpiper:latest";
    let file = root().join("image/Containerfile").display().to_string();
    let context = context.display().to_string();
    buildah(
        folder,
        &["build", "--format", "oci", "--timestamp", "0", "--file", &file, "--tag", tag, &context],
    )?;
    for place in [
        format!("oci:{}:latest", folder.join("layout").display()),
        format!("oci-archive:{}:{tag}", folder.join("image.tar").display()),
    ] {
        buildah(folder, &["push", "--compression-format", "gzip", "--compression-level", "9", tag, &place])?;
    }
    Ok(())
}

/// With a storage of its own, which needs no rights and no kernel module.
fn buildah(folder: &Path, arguments: &[&str]) -> Result<()> {
    let (storage, running) = (folder.join("storage"), folder.join("running"));
    let mut all = vec!["--storage-driver".to_owned(), "vfs".to_owned(), "--root".to_owned()];
    all.extend([storage.display().to_string(), "--runroot".to_owned(), running.display().to_string()]);
    all.extend(arguments.iter().map(|&argument| argument.to_owned()));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    run_command(command("buildah", &all))
}
