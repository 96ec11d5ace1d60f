//! HTTP APIs, as they are and encrypted.

use std::sync::Arc;
use std::time::Duration;

use sandpiper::conformance::http::{ApiPlace, Arrived, reply};
use sandpiper_backends::http::{Apis, BaseUrl, Settings};
use sandpiper_runtime::target::Target;
use sandpiper_tests::{Api, Certificates};
use tempfile::TempDir;

struct Place {
    api: Api,
    settings: Settings,
    _folder: Option<TempDir>,
}

fn plain() -> Place {
    Place { api: Api::start(reply), settings: Settings::default(), _folder: None }
}

fn encrypted() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Certificates::make(folder.path());
    let settings = Settings {
        root_certificate: Some(folder.path().join("root.crt")),
        client: Some((folder.path().join("client.crt"), folder.path().join("client.key"))),
        ..Settings::default()
    };
    Place { api: Api::start_encrypted(folder.path(), true, reply), settings, _folder: Some(folder) }
}

impl Place {
    fn target(&self, url: &str) -> Arc<dyn Target> {
        let (base, minute) = (BaseUrl::parse(url).unwrap(), Duration::from_secs(60));
        Arc::new(Apis::new().target("api".into(), base, None, self.settings.clone(), minute, |_| {}))
    }
}

impl ApiPlace for Place {
    fn open(&self) -> Arc<dyn Target> {
        self.target(&self.api.url("/base/"))
    }

    fn nobody(&self) -> Arc<dyn Target> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        self.target(&format!("http://127.0.0.1:{port}/base/"))
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.api.arrived()
    }
}

mod as_it_is {
    sandpiper::http_conformance!(super::plain);
}

mod over_tls {
    sandpiper::http_conformance!(super::encrypted);
}
