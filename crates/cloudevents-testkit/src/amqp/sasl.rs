//! Authentication by SASL.

use super::options::BrokerOptions;
use fe2o3_amqp::acceptor::{SaslAcceptor, sasl_acceptor::SaslServerFrame};
use fe2o3_amqp_types::{
    primitives::{Array, Symbol},
    sasl::{SaslCode, SaslInit, SaslOutcome, SaslResponse},
};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Door(Arc<BrokerOptions>);

impl Door {
    pub(super) fn new(options: BrokerOptions) -> Self {
        Self(Arc::new(options))
    }

    fn anonymous(&self) -> bool {
        self.0.users.is_empty() || self.0.tokens
    }

    fn lets_in(&self, init: &SaslInit) -> bool {
        let response = init.initial_response.as_ref().map(|response| response.as_slice()).unwrap_or_default();
        match init.mechanism.as_str() {
            "ANONYMOUS" => self.anonymous(),
            "EXTERNAL" => self.0.external,
            "PLAIN" => self.0.users.iter().any(|(user, password)| {
                response.splitn(3, |byte| *byte == 0).skip(1).eq([user.as_bytes(), password.as_bytes()])
            }),
            _ => false,
        }
    }
}

impl SaslAcceptor for Door {
    fn mechanisms(&self) -> Array<Symbol> {
        let offered = [
            ("ANONYMOUS", self.anonymous()),
            ("PLAIN", !self.0.users.is_empty()),
            ("EXTERNAL", self.0.external),
        ];
        let names = offered.into_iter().filter(|(_, offered)| *offered).map(|(name, _)| Symbol::from(name));
        Array::from(names.collect::<Vec<_>>())
    }

    fn on_init(&mut self, init: SaslInit) -> SaslServerFrame {
        answer(if self.lets_in(&init) { SaslCode::Ok } else { SaslCode::Auth })
    }

    fn on_response(&mut self, _: SaslResponse) -> SaslServerFrame {
        answer(SaslCode::Sys)
    }
}

fn answer(code: SaslCode) -> SaslServerFrame {
    SaslServerFrame::Outcome(SaslOutcome { code, additional_data: None })
}
