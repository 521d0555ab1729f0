//! Looks at what a suite pulls where it is pulled from: for the lock file, and against it.

use std::time::Duration;

use tokio::time::Instant;

use super::{Lock, Locked, Pulled};
use crate::{
    expectation::{Item, Seen, Wanted, WantedKind, look_at_stored},
    registry::{Registries, RegistryMap},
};

/// How long all registries together may take.
pub const EXAMINATION: Duration = Duration::from_secs(300);

/// What was seen, each sentence naming the reference.
#[derive(Debug, Default)]
pub struct Examined {
    pub images: Vec<Locked>,
    /// What is not there, or not as it should be.
    pub flaws: Vec<String>,
    /// What could not be looked at.
    pub troubles: Vec<String>,
}

/// Looks at each of `pulled`, that its config and layers are there too; with `deep`, all of it is transferred and verified.
pub async fn examine(registries: &Registries, pulled: &[Pulled], deep: bool) -> Examined {
    let item = |one: &Pulled| Item { name: one.reference.clone(), references: vec![one.reference.clone()] };
    let items: Vec<Item> = pulled.iter().map(item).collect();
    let wanted = Wanted {
        names: &[],
        in_output: false,
        registries: &[],
        same_digest: false,
        digest: None,
        lock: None,
        media_types: &[],
        size: None,
        layers: true,
        signature: None,
        deep,
        kind: WantedKind::Any,
    };
    let deadline = Instant::now() + EXAMINATION;
    let mut examined = Examined::default();
    for sight in look_at_stored(registries, &items, &wanted, None, deadline, EXAMINATION).await {
        match sight.seen {
            Seen::Lacking(flaw) => examined.flaws.push(flaw),
            Seen::Trouble(trouble) => examined.troubles.push(trouble),
            Seen::Found(found) => {
                examined.flaws.extend(found.flaws.iter().cloned());
                let platforms = found.parts.iter().filter_map(|part| part.platform.as_ref());
                let mut platforms: Vec<String> = platforms.map(ToString::to_string).filter(|p| p != "/").collect();
                platforms.sort();
                examined.images.push(Locked {
                    reference: sight.reference,
                    digest: found.digest,
                    media_type: found.media_type,
                    size: found.parts.iter().map(|part| part.size).sum(),
                    platforms,
                });
            }
        }
    }
    examined
}

impl Examined {
    /// What was found, each by what it is called before `map` moves it.
    pub fn by_name(&self, map: &RegistryMap) -> Vec<Locked> {
        let named =
            |image: &Locked| Locked { reference: map.origins(&image.reference).swap_remove(0), ..image.clone() };
        self.images.iter().map(named).collect()
    }

    /// What of it is other than in `lock`, whose references may be those of another registry, a line each: `+` came, `-` went, `~` is
    /// another.
    pub fn changes(&self, lock: &Lock) -> Vec<String> {
        // What was found elsewhere is held against what stands in the file by the file's own name for it.
        let renamed = self.images.iter().map(|image| match lock.find(&image.reference) {
            Some(known) => Locked { reference: known.reference.clone(), ..image.clone() },
            None => image.clone(),
        });
        Lock::new(&lock.suite, renamed.collect()).changes(lock)
    }
}
