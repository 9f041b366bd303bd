//! With the server that `CE_TEST_REDIS_URL` names, and with those that tests start, of the program that `CE_TEST_REDIS_BIN` names:
//! `.ci/brokers/redis` sets both.

mod backlog;
mod client;
mod contract;
mod kill;
mod taking_over;
