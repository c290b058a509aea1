// autobahn - AutobahnJS in Node.js, as promises, without its lines on the console.
'use strict';

const autobahn = require('autobahn');
require('autobahn/lib/log').warn = () => {};

const { deadline, slow } = require('./wait');

// A session; options go to autobahn.Connection. Rejects with { reason, details }.
function connect(t, url, options = {}) {
  const connection = new autobahn.Connection({
    url, realm: 'realm1', max_retries: 0, on_user_error: () => {}, ...options,
  });
  t.atEnd(() => connection.isOpen && connection.close());
  const opened = new Promise((resolve, reject) => {
    connection.onopen = (session, details) => resolve(Object.assign(session, { details, connection }));
    connection.onclose = (reason, details) => {
      reject(Object.assign(new Error(`${reason}: ${details.reason}`), { reason, details }));
      return true;
    };
    connection.open();
  });
  return deadline(opened, 5000 * slow, 'a WAMP session');
}

// Ends a session by GOODBYE; resolves with the reason that the router gave.
function leave(session) {
  const closed = new Promise((resolve) => {
    session.connection.onclose = (reason, details) => {
      resolve(details.reason);
      return true;
    };
  });
  session.connection.close();
  return deadline(closed, 5000 * slow, 'the end of a WAMP session');
}

module.exports = { autobahn, connect, leave };
