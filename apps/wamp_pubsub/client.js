// A small WAMP v2 client, with the names of AutobahnJS and as much of it as the page
// needs: new autobahn.Connection({ url, realm }), onopen, onclose, open, close; and of a
// session subscribe, unsubscribe, publish, call. It does not connect again by itself.
"use strict";

(() => {
  const [HELLO, WELCOME, ABORT, GOODBYE, ERROR, PUBLISH, PUBLISHED] = [1, 2, 3, 6, 8, 16, 17];
  const [SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE, UNSUBSCRIBED, EVENT] = [32, 33, 34, 35, 36];
  const [CALL, RESULT] = [48, 50];

  class Session {
    constructor(send) {
      this.send = send;
      this.lastRequest = 0;
      this.requests = new Map(); // number to { resolve, reject }
      this.handlers = new Map(); // subscription to a set of functions
    }

    // `understand` makes a value of the answer, at once when it comes.
    request(make, understand = (answer) => answer) {
      const number = ++this.lastRequest;
      this.send(make(number));
      return new Promise((resolve, reject) => this.requests.set(number,
        { resolve: (answer) => resolve(understand(answer)), reject }));
    }

    // The function is there before the events that follow the answer.
    subscribe(topic, handler, options = {}) {
      return this.request((number) => [SUBSCRIBE, number, options, topic], (id) => {
        if (!this.handlers.has(id)) this.handlers.set(id, new Set());
        this.handlers.get(id).add(handler);
        return { id, topic, handler };
      });
    }

    async unsubscribe({ id, handler }) {
      const set = this.handlers.get(id);
      set.delete(handler);
      if (set.size > 0) return;
      this.handlers.delete(id);
      await this.request((number) => [UNSUBSCRIBE, number, id]);
    }

    publish(topic, args = [], kwargs = {}, options = {}) {
      const message = (number) => [PUBLISH, number, options, topic, args, kwargs];
      if (options.acknowledge) return this.request(message);
      this.send(message(++this.lastRequest));
    }

    call(procedure, args = [], kwargs = {}, options = {}) {
      return this.request((number) => [CALL, number, options, procedure, args, kwargs]);
    }

    settle(number, how, value) {
      const request = this.requests.get(number);
      this.requests.delete(number);
      if (request) request[how](value);
    }

    hear(message) {
      const [type, number] = message;
      if (type === ERROR) {
        const error = Object.assign(new Error(message[4]), { error: message[4], args: message[5] });
        this.settle(message[2], "reject", error);
      } else if (type === EVENT) {
        const [, id, publication, details, args = [], kwargs = {}] = message;
        const all = this.handlers.get(id) || [];
        for (const handler of all) handler(args, kwargs, { ...details, publication });
      } else if (type === RESULT) {
        this.settle(number, "resolve", (message[3] || [null])[0]);
      } else if (type === SUBSCRIBED || type === PUBLISHED) {
        this.settle(number, "resolve", message[2]);
      } else if (type === UNSUBSCRIBED) {
        this.settle(number, "resolve");
      }
    }
  }

  class Connection {
    constructor({ url, realm }) {
      Object.assign(this, { url, realm, isOpen: false });
    }

    open() {
      const socket = new WebSocket(this.url, ["wamp.2.json"]);
      const send = (message) => socket.send(JSON.stringify(message));
      const session = new Session(send);
      const roles = { subscriber: {}, publisher: {}, caller: {} };
      let reason = "unreachable";
      this.socket = socket;
      socket.onopen = () => send([HELLO, this.realm, { roles }]);
      socket.onclose = () => {
        this.isOpen = false;
        if (this.onclose) this.onclose(reason, {});
      };
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message[0] === WELCOME) {
          Object.assign(session, { id: message[1], realm: this.realm, isOpen: true });
          this.isOpen = true;
          reason = "lost";
          this.onopen(session, message[2]);
        } else if (message[0] === ABORT || message[0] === GOODBYE) {
          reason = "closed";
          socket.close();
        } else {
          session.hear(message);
        }
      };
      this.leave = () => send([GOODBYE, {}, "wamp.close.normal"]);
    }

    close() {
      if (this.isOpen) this.leave();
    }
  }

  window.autobahn = { Connection };
})();
