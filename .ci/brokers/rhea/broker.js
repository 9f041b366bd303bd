// A small AMQP 1.0 broker on rhea, for tests: broker.js PORT. Each address is a queue in memory; messages go to its consumers in order,
// as credit allows. Accepted and rejected messages are gone, released ones come again at their place, and so do modified ones, whose
// delivery-count is one higher when the delivery failed. What a consumer has not settled when it goes comes again.
'use strict';
const rhea = require('rhea');

class Queue {
  constructor() {
    this.ready = []; // by their sequence
    this.sequence = 0;
    this.consumers = new Map(); // of a link, what it was given and has not settled
  }

  put(message) {
    this.ready.push({ message, sequence: this.sequence++, failures: message.delivery_count || 0 });
    this.give();
  }

  again(stored) {
    const place = this.ready.findIndex((other) => other.sequence > stored.sequence);
    this.ready.splice(place < 0 ? this.ready.length : place, 0, stored);
  }

  give() {
    for (const [link, held] of this.consumers) {
      // What was given may not be on its way yet, and has not used its credit then.
      while (this.ready.length > 0 && link.sendable() && link.credit > held.given - link.delivery_count) {
        const stored = this.ready.shift();
        const delivery = link.send({ ...stored.message, delivery_count: stored.failures });
        held.unsettled.set(delivery.id, stored);
        held.given += 1;
      }
    }
  }

  settled(link, delivery, comesAgain) {
    const held = this.consumers.get(link);
    const stored = held && held.unsettled.get(delivery.id);
    if (!stored) return;
    held.unsettled.delete(delivery.id);
    if (comesAgain) {
      if (delivery.remote_state.delivery_failed) stored.failures += 1;
      this.again(stored);
    }
    this.give();
  }

  gone(link) {
    const held = this.consumers.get(link);
    if (!held) return;
    this.consumers.delete(link);
    for (const stored of held.unsettled.values()) this.again(stored);
    this.give();
  }
}

const queues = new Map();
function queue(address) {
  if (!queues.has(address)) queues.set(address, new Queue());
  return queues.get(address);
}

const container = rhea.create_container({ id: 'rhea', enable_sasl_external: false });
container.sasl_server_mechanisms.enable_anonymous();
container.options.sender_options = { treat_modified_as_released: false };
container.options.receiver_options = { credit_window: 500, autoaccept: false };

let dynamic = 0;
container.on('sender_open', ({ sender }) => {
  // An address of its own, for replies.
  const address = sender.source.dynamic ? `dynamic-${dynamic++}` : sender.source.address;
  sender.set_source({ address, dynamic: sender.source.dynamic });
  sender.node = address;
  queue(address).consumers.set(sender, { given: 0, unsettled: new Map() });
});
container.on('receiver_open', ({ receiver }) => receiver.set_target({ address: receiver.target.address }));
container.on('sendable', ({ sender }) => queue(sender.node).give());
container.on('message', ({ receiver, delivery, message }) => {
  queue(receiver.target.address).put(message);
  delivery.accept();
});
for (const [event, comesAgain] of [['accepted', false], ['rejected', false], ['released', true], ['modified', true]]) {
  container.on(event, ({ sender, delivery }) => queue(sender.node).settled(sender, delivery, comesAgain));
}

// Later, for the settlements that came with it are told after it.
function gone(isGone) {
  setImmediate(() => {
    for (const each of queues.values()) [...each.consumers.keys()].filter(isGone).forEach((link) => each.gone(link));
  });
}
container.on('sender_close', ({ sender }) => gone((link) => link === sender));
container.on('session_close', ({ session }) => gone((link) => link.session === session));
container.on('connection_close', ({ connection }) => gone((link) => link.connection === connection));
container.on('disconnected', ({ connection }) => gone((link) => link.connection === connection));

// A peer's errors are its own affair.
for (const event of ['connection_error', 'session_error', 'sender_error', 'receiver_error', 'protocol_error', 'error']) {
  container.on(event, () => {});
}

container.listen({ port: Number(process.argv[2]), host: '127.0.0.1' }).on('error', (error) => {
  console.error(String(error));
  process.exit(1);
});
