//! The signature under a webhook: cavage HTTP signatures with RSA-SHA256 (copernica.md §8.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

use crate::client::Target;

/// Where the public key would stand in the DNS.
pub(super) const KEY_ID: &str = "one._domainkey.copernica.com";
/// The key of every sandbox: it protects nothing, and runs with one seed shall be the same run.
const PRIVATE_KEY: &[u8] = include_bytes!("webhook_key.der");
/// What stands before the numbers of a 2048-bit key in a SubjectPublicKeyInfo (RFC 5280).
const PUBLIC_KEY_HEAD: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01,
    0x05, 0x00, 0x03, 0x82, 0x01, 0x0F, 0x00,
];
/// What the signature covers, in this order.
const COVERED: &str = "(request-target) host date x-copernica-id digest x-nonce content-length content-type";
const FORM: &str = "application/x-www-form-urlencoded";

/// The public key of the webhooks, as the DNS would give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookKey {
    /// The name of the TXT record, which is also the `keyId` of a signature.
    pub key_id: String,
    /// The text of the record, in the form of DKIM: `v=DKIM1; k=rsa; p=…`.
    pub record: String,
}

/// Signs deliveries.
#[derive(Debug)]
pub(super) struct Signer(RsaKeyPair);

/// What one delivery says about itself.
pub(super) struct Stamp<'a> {
    /// The value of `X-Copernica-ID`.
    pub(super) account: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
    pub(super) nonce: String,
    /// Whether the signature is somebody else's.
    pub(super) is_forged: bool,
}

impl Signer {
    /// Reads the key of the sandbox.
    pub(super) fn new() -> Self {
        Self(RsaKeyPair::from_pkcs8(PRIVATE_KEY).expect("the key in the source is a valid PKCS#8 key"))
    }

    /// Gives the public half.
    pub(super) fn key(&self) -> WebhookKey {
        let mut public = PUBLIC_KEY_HEAD.to_vec();
        public.extend_from_slice(self.0.public_key().as_ref());
        WebhookKey {
            key_id: KEY_ID.to_owned(),
            record: format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public)),
        }
    }

    /// Gives all headers of a delivery but `Host`, which the client sets from the target.
    #[expect(
        clippy::disallowed_methods,
        reason = "the padding of these signatures draws nothing; the library asks for a source all the same"
    )]
    pub(super) fn headers(&self, target: &Target, body: &Bytes, stamp: &Stamp<'_>) -> HeaderMap {
        let date = Timestamp::from_second(stamp.now).map_or_else(
            |_| String::new(),
            |at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        );
        let mut headers = HeaderMap::new();
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put(header::DATE, &date);
        put(HeaderName::from_static("x-copernica-id"), stamp.account);
        let sum = STANDARD.encode(digest(&SHA256, body).as_ref());
        put(HeaderName::from_static("digest"), &format!("SHA-256={sum}"));
        put(HeaderName::from_static("x-nonce"), &stamp.nonce);
        put(header::CONTENT_LENGTH, &body.len().to_string());
        put(header::CONTENT_TYPE, FORM);
        let mut text = self.signed_text(target, &headers);
        if stamp.is_forged {
            text.push('!');
        }
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        );
        signed.expect("the buffer has the length of the key");
        let value = format!(
            "keyId=\"{KEY_ID}\",algorithm=\"rsa-sha256\",headers=\"{COVERED}\",signature=\"{}\"",
            STANDARD.encode(signature)
        );
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static("signature"), value);
        }
        headers
    }

    fn signed_text(&self, target: &Target, headers: &HeaderMap) -> String {
        let line = |name: &str| {
            let value = match name {
                "(request-target)" => format!("post {}", target.path),
                "host" => target.host.to_str().unwrap_or("").to_owned(),
                name => headers
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or("")
                    .to_owned(),
            };
            format!("{name}: {value}")
        };
        COVERED.split(' ').map(line).collect::<Vec<String>>().join("\n")
    }
}
