//! Apps of the App Store: installing, uninstalling, and whose call it is when keys are shared
//! (lightspeed-ecom.md §1.2, §1.3).

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use md5::{Digest, Md5};

use super::options::App;
use super::rest::{Refusal, pairs};
use super::{Simulator, auth};

/// Serves several shops of one cluster at one address.
///
/// A call belongs to the shop that its key and secret open, an installation to the shop it names. What no
/// shop wants is answered by the first.
pub fn cluster_router(shops: &[Simulator]) -> Router {
    let shops = shops.to_vec();
    Router::new().fallback(move |request: Request<Body>| {
        let named = pairs(request.uri().query().unwrap_or(""))
            .into_iter()
            .find(|(key, _)| key == "shop_id");
        let is_meant = |shop: &&Simulator| match &named {
            Some((_, id)) if request.uri().path().contains("/apps/install") => {
                *id == shop.options().shop_id.to_string()
            }
            _ => shop.caller(request.headers()).is_some(),
        };
        let shop = shops.iter().find(is_meant).or(shops.first()).cloned();
        async move {
            match shop {
                Some(shop) => shop.serve(request).await,
                None => Response::new(Body::empty()),
            }
        }
    })
}

impl Simulator {
    /// Installs an app and returns the secret of its calls in this shop; `None` when there is no such app.
    pub fn install_app(&self, key: &str) -> Option<String> {
        let (place, app) = self.app(key)?;
        let mut shop = self.shop();
        // The number keeps the tokens of two shops of one seed apart.
        let random = format!("{:016x}", shop.seed.next_u64());
        let token = md5_hex(&[&random, &shop.id.to_string()]);
        let secret = secret_of(app, &token);
        shop.installed[place] = Some(token);
        Some(secret)
    }

    /// Uninstalls an app: its token opens nothing any more and its webhooks are gone.
    ///
    /// `false` when it is not installed.
    pub fn uninstall_app(&self, key: &str) -> bool {
        let Some((place, _)) = self.app(key) else {
            return false;
        };
        let owner = self.inner.keys.len() - self.inner.options.apps.len() + place;
        let mut shop = self.shop();
        if shop.installed[place].take().is_none() {
            return false;
        }
        let own: Vec<usize> = shop
            .webhooks
            .iter()
            .filter(|(_, hook)| hook.owner == owner)
            .map(|(at, _)| at)
            .collect();
        for at in own {
            shop.webhooks.remove(at);
        }
        true
    }

    fn app(&self, key: &str) -> Option<(usize, &App)> {
        let mut apps = self.inner.options.apps.iter().enumerate();
        apps.find(|(_, app)| app.key == key)
    }

    /// Finds the key whose pair the headers carry, as a place among all keys.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Option<usize> {
        let (user, password) = auth::pair(headers)?;
        let apps = &self.inner.options.apps;
        let first_app = self.inner.keys.len() - apps.len();
        let plain = &self.inner.keys[..first_app];
        let found = plain
            .iter()
            .position(|key| key.api_key == user && key.api_secret == password);
        if found.is_some() || apps.is_empty() {
            return found;
        }
        let shop = self.shop();
        let is_it = |(app, token): (&App, &Option<String>)| {
            app.key == user
                && token
                    .as_ref()
                    .is_some_and(|token| secret_of(app, token) == password)
        };
        let place = apps.iter().zip(&shop.installed).position(is_it)?;
        Some(first_app + place)
    }

    /// Answers the link a merchant follows to install an app: his browser is sent to the app.
    pub(super) fn install(&self, language: &str, query: &str) -> Result<Response<Body>, Refusal> {
        let value = |wanted: &str| {
            let found = pairs(query).into_iter().find(|(key, _)| key == wanted);
            found.map_or_else(String::new, |(_, value)| value)
        };
        let options = &self.inner.options;
        let (_, app) = self.app(&value("api_key")).ok_or(Refusal::NOT_FOUND)?;
        if value("shop_id") != options.shop_id.to_string() {
            return Err(Refusal::NOT_FOUND);
        }
        self.install_app(&app.key).ok_or(Refusal::NOT_FOUND)?;
        let place = self.app(&app.key).map_or(0, |(place, _)| place);
        let token = self.shop().installed[place].clone().unwrap_or_default();
        let (shop_id, timestamp) = (options.shop_id, self.now_s());
        let signed = format!("language={language}shop_id={shop_id}timestamp={timestamp}token={token}");
        let signature = md5_hex(&[&signed, &app.secret]);
        let joint = if app.success_url.contains('?') { '&' } else { '?' };
        let cluster = options.cluster.id();
        let place = format!(
            "{}{joint}language={language}&shop_id={shop_id}&timestamp={timestamp}&token={token}&signature={signature}&cluster_id={cluster}",
            app.success_url
        );
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FOUND;
        let place = HeaderValue::from_str(&place).map_err(|_| Refusal::INVALID)?;
        response.headers_mut().insert(header::LOCATION, place);
        Ok(response)
    }
}

/// Returns the password of an app's calls in the shop that gave it this token.
fn secret_of(app: &App, token: &str) -> String {
    md5_hex(&[token, &app.secret])
}

fn md5_hex(parts: &[&str]) -> String {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part.as_bytes());
    }
    hex::encode(digest.finalize())
}
