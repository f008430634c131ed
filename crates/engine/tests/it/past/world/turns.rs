//! Turns that a story takes: another configuration, one stage alone.

use schakel_engine::walk::Stepped;

use super::{Past, Setting};

impl Past {
    /// Starts the hub again with another configuration.
    pub async fn restarted_with(mut self, change: impl FnOnce(&mut Setting)) -> Self {
        change(&mut self.setting);
        self.restarted().await
    }

    /// Lets nothing but the walks go a step.
    pub async fn walk_alone(&self) -> Stepped {
        self.walking.step().await.unwrap()
    }
}
