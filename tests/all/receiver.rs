//! A receiver of webhooks in this process: it notes what it gets, and answers as it is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::Shop;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// With that status, further headers and a body.
    Answer(u16, &'static str, &'static str),
    /// With 204, after that time.
    After(Duration),
    /// Not at all.
    Hang,
}

/// A request that it got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether one of its signatures is by that secret, as it is shown.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let secret = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(secret.len(), 24);
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{time}.").as_bytes());
        mac.update(&self.body);
        let own = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == own)
    }
}

/// A receiver on a port of this machine.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    manner: Arc<Mutex<Manner>>,
}

impl Receiver {
    pub(crate) fn start(manner: Manner) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = Receiver {
            address: listener.local_addr().unwrap(),
            got: Arc::default(),
            manner: Arc::new(Mutex::new(manner)),
        };
        let receiving = own.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (receiving, Ok(stream)) = (receiving.clone(), stream) else { return };
                thread::spawn(move || receiving.serve(stream));
            }
        });
        own
    }

    pub(crate) fn good() -> Receiver {
        Receiver::start(Manner::Answer(204, "", ""))
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
            let path = line.split(' ').nth(1)?.to_owned();
            let mut headers = Vec::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).ok()?;
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.push((name.to_lowercase(), value.to_owned()));
            }
            let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
            let mut body = vec![0; length];
            stream.read_exact(&mut body).ok()?;
            self.got.lock().unwrap().push(Got { path, headers, body });
            let manner = self.manner.lock().unwrap().clone();
            let (status, more, body) = match manner {
                Manner::Answer(status, more, body) => (status, more, body),
                Manner::After(time) => {
                    thread::sleep(time);
                    (204, "", "")
                }
                Manner::Hang => {
                    thread::sleep(Duration::from_secs(60));
                    return None;
                }
            };
            let length =
                if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
            let answer = format!("HTTP/1.1 {status} So\r\n{more}{length}\r\n{body}");
            stream.get_mut().write_all(answer.as_bytes()).ok()?;
        }
    }

    pub(crate) fn answers(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// A webhook that points here: its id and its secret.
    pub(crate) async fn hook(&self, shop: &Shop, types: &[&str], brand: Option<&str>) -> (String, String) {
        let url = format!("http://{}/hook", self.address);
        let made = shop.ok("POST", "/webhooks", json!({"url": url, "types": types, "brand": brand})).await;
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    /// The events that it got, when they are as many as that; a test is sent last, so that none comes after it.
    pub(crate) async fn events(&self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        while self.got().len() < count {
            let types: Vec<String> = self.got().iter().map(|got| got.event()["type"].to_string()).collect();
            assert!(began.elapsed() < PATIENCE, "{count} events are wanted, and these have come: {types:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.got().iter().map(Got::event).collect()
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
