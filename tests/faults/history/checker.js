// checker - compares what the server wrote down with what its clients saw, and says what
// of the promises about delivery was not kept. Pure: a history in, sentences out.
//
// A history is { events, sessions }: the server's events in the order in which they
// happened (app.lua), and of each session of a client what it sent and got (session.js).
// From the events follows exactly what each client has to be sent; it has to get that
// from the first to the last, and may miss the end only when its connection was lost.
'use strict';

const LOST = 1006;
const SLOW = 1013; // maxBufferedAmount was passed

// ---- what the events of the server come to, connection by connection

// heard: what the client sent; said: what it has to be sent; killed: the codes with which
// the app has closed it; closes: those of onClose.
function connectionOf({ id, name, route }) {
  return { id, name, route, hasJoined: false, events: [], heard: [], said: [], killed: [], closes: [] };
}

// Returns { connections (by id), byName, faults } of a history.
function replay(history) {
  const model = { connections: new Map(), byName: new Map(), members: new Set(), justEnded: 0, faults: [] };
  const lost = new Set(history.events
    .filter((event) => event.kind === 'c' && event.code === LOST).map((event) => event.id));
  for (const event of history.events) {
    if (event.kind === 'r') continue;
    // Whom a broadcast found to be lost may have been among those that it was queued for.
    if (event.kind !== 'x' && event.kind !== 'b') model.justEnded = 0;
    if (event.kind === 'x' && lost.has(event.id)) model.justEnded++;
    if (event.kind === '!') {
      model.faults.push(`a line of the server's that is none: ${event.line}`);
      continue;
    }
    if (event.kind === 'o') open(model, event);
    const connection = model.connections.get(event.id);
    if (!connection) {
      model.faults.push(`connection ${event.id} has "${event.kind}" without an onOpen`);
      continue;
    }
    connection.events.push(event);
    if (steps[event.kind]) steps[event.kind](connection, event, model);
  }
  return model;
}

function open(model, event) {
  if (model.connections.has(event.id)) {
    model.faults.push(`the resourceId ${event.id} was used twice`);
    return;
  }
  if (model.byName.has(event.name)) model.faults.push(`${event.name}: onOpen was called twice`);
  const connection = connectionOf(event);
  model.connections.set(event.id, connection);
  model.byName.set(event.name, connection);
}

const steps = {
  m: (connection, event) => connection.heard.push(event.token),
  s: (connection, event) => connection.said.push(event.token),
  k: (connection, event) => connection.killed.push(event.code),
  x: (connection, event, model) => model.members.delete(connection),
  j: (connection, event, model) => {
    connection.hasJoined = true;
    model.members.add(connection);
  },
  l: (connection, event, model) => model.members.delete(connection),
  c: (connection, event, model) => {
    connection.closes.push(event.code);
    model.members.delete(connection);
  },
  b: (connection, event, model) => {
    let count = 0;
    for (const member of model.members) {
      if (member.id === event.except) continue;
      member.said.push(event.token);
      count++;
    }
    if (event.count < count || event.count > count + model.justEnded) {
      model.faults.push(`${event.token} was broadcast to ${event.count}, there were ${count} members`);
    }
  },
};

// ---- comparing two lists of messages

function counts(tokens) {
  const found = new Map();
  for (const token of tokens) found.set(token, (found.get(token) || 0) + 1);
  return found;
}

function surplus(these, those) {
  const left = counts(those);
  return these.find((token) => {
    const count = left.get(token) || 0;
    left.set(token, count - 1);
    return count === 0;
  });
}

const hasHead = (token) => token.includes(';');

// What is wrong with `got`, which should be the beginning of `wanted` (or all of it), or
// null.
function difference(got, wanted, isWhole) {
  let same = 0;
  while (same < got.length && same < wanted.length && got[same] === wanted[same]) same++;
  if (same === got.length) {
    const missing = wanted.length - got.length;
    if (!isWhole || missing === 0) return null;
    return `hole: the last ${missing} of ${wanted.length} are missing, from ${wanted[same]} on`;
  }
  return `${nameOf(got, wanted, same)} (message ${same + 1} of ${wanted.length} is ` +
    `${got[same]}, expected ${wanted[same] || 'none'})`;
}

function nameOf(got, wanted, same) {
  const spoilt = got.find((token) => token.startsWith('!'));
  if (spoilt) return `spoilt: ${spoilt}`;
  const all = new Set(wanted);
  const foreign = got.find((token) => !all.has(token));
  if (foreign) return `stranger: ${foreign} was never sent here`;
  // Up to the last message that can be told from all others.
  const last = got.map(hasHead).lastIndexOf(true);
  const end = last < 0 ? same + 1 : wanted.lastIndexOf(got[last]) + 1;
  const doubled = surplus(got.slice(0, last < 0 ? got.length : last + 1), wanted.slice(0, end));
  if (doubled) return `duplicate: ${doubled}`;
  const missing = surplus(wanted.slice(0, end), got);
  if (missing) return `hole: ${missing} is missing`;
  return 'reorder';
}

// ---- the promises (design, section 11; lua/README.md)

const promises = {
  'what the server sent arrives, in order, once, and whole'(history, model) {
    return forBoth(history, model, (session, connection) => {
      const isWhole = session.closed !== LOST;
      return difference(session.got, connection.said, isWhole);
    });
  },

  'what a client sent is handled, in order, once, and whole'(history, model) {
    return forBoth(history, model, (session, connection) => {
      // Where the client closed, and the server answered that.
      const isWhole = session.asked !== null && session.closed === session.asked &&
        connection.closes[0] === session.asked &&
        connection.killed.length === 0;
      return difference(connection.heard, session.sent, isWhole);
    });
  },

  'what comes in one segment with the handshake is not lost'(history, model) {
    return forBoth(history, model, (session, connection) => {
      const early = session.sent.slice(0, session.early);
      const isLost = connection.heard.length > 0 && early.length > 0 &&
        connection.heard[0] !== early[0];
      return isLost ? `began with ${connection.heard[0]} in place of ${early[0]}` : null;
    });
  },

  'onClose runs exactly once for each onOpen'(history, model) {
    return forEach(model, (connection) => {
      const { length } = connection.closes;
      return length === 1 ? null : `onClose was called ${length} times`;
    });
  },

  'nothing is called after onClose'(history, model) {
    return forEach(model, (connection) => {
      const end = connection.events.findIndex((event) => event.kind === 'c');
      if (end < 0) return null;
      // The error of onClose itself would come behind it; here it raises none.
      const late = connection.events.slice(end + 1).find((event) => 'omdjepls'.includes(event.kind));
      return late ? `"${late.kind}" ${late.token || ''} after onClose` : null;
    });
  },

  'nothing arrives after the end'(history) {
    return history.sessions.filter((session) => session.late > 0)
      .map((session) => `${session.name}: ${session.late} messages after its close`);
  },

  'who got in was told to the app'(history, model) {
    return history.sessions
      .filter((session) => session.isOpened && !model.byName.has(session.name))
      .map((session) => `${session.name}: has its 101, and onOpen was never called`);
  },

  'a protocol error ends the connection with its code, and nothing after it is handled'(history, model) {
    return forBoth(history, model, (session, connection) => {
      if (!session.violation) return null;
      const { code, forbidden } = session.violation;
      if (connection.heard.includes(forbidden)) return `${forbidden} stood behind a protocol error`;
      const isWithUs = session.place === 'direct';
      const mayBe = isWithUs ? [code, SLOW] : [code, SLOW, LOST];
      return [session.closed, connection.closes[0]].every((found) => mayBe.includes(found)) ||
        isExcused(session, connection) ? null
        : `a protocol error of ${code} ended with ${session.closed}, onClose with ${connection.closes[0]}`;
    });
  },

  'nobody is lost, or closed, without a reason of its own'(history, model) {
    return history.sessions.map((session) => {
      const connection = model.byName.get(session.name);
      if (session.hangs) return `${session.name}: has not ended`;
      if (isExcused(session, connection)) return null;
      const reasons = [session.asked, ...(connection ? connection.killed : []),
        session.violation && session.violation.code, session.route !== 'drop' && SLOW];
      if (reasons.includes(session.closed)) return null;
      return `${session.name}: ended with ${session.closed} (${describe(session)}); ` +
        `onClose had ${connection ? connection.closes[0] : 'no call'}`;
    }).filter(Boolean);
  },

  'both sides know the same code'(history, model) {
    return forBoth(history, model, (session, connection) => {
      const code = connection.closes[0];
      if (session.closed === LOST || code === undefined) return null;
      return [session.closed, session.asked, LOST].includes(code) ? null
        : `onClose had ${code}, the client ${session.closed}`;
    });
  },

  'messages of a connection are handled one at a time'(history, model) {
    return forEach(model, (connection) => {
      let waiting = null;
      for (const event of connection.events) {
        if (event.kind === 'd') waiting = null;
        if (waiting && 'mepc'.includes(event.kind)) return `"${event.kind}" while ${waiting} was handled`;
        if (event.kind === 'm' && hasDeed(event.token, 'w')) waiting = event.token;
      }
      return null;
    });
  },

  'an error goes to onError, once, of its own connection'(history, model) {
    return forEach(model, (connection) => {
      let raised = null;
      for (const event of connection.events) {
        if (event.kind === 'e' && !raised) return 'onError without an error';
        if (raised && event.kind !== 'e' && event.kind !== 'l') return `no onError after ${raised}`;
        raised = event.kind === 'm' && hasDeed(event.token, 'r') ? event.token
          : event.kind === 'l' ? raised : null;
      }
      return raised ? `no onError after ${raised}` : null;
    });
  },

  'a member leaves its topics before onClose, once'(history, model) {
    return forEach(model, (connection) => {
      const kinds = connection.events.map((event) => event.kind).filter((kind) => 'jlc'.includes(kind)).join('');
      return connection.hasJoined && connection.closes.length > 0 && kinds !== 'jlc'
        ? `joined, left, closed: ${kinds}` : null;
    });
  },

  'after a reload each event runs the new code, and what waits ends in the old'(history, model) {
    const faults = [];
    const begun = new Map(); // versions of the handlers that wait
    let current = null;
    for (const event of history.events) {
      const name = `connection ${event.id}`;
      if (event.kind === 'r') current = event.version;
      if ((event.kind !== 'm' && event.kind !== 'o') || event.version === '-') {
        if (event.kind === 'd' && begun.has(event.id) && begun.get(event.id) !== event.version) {
          faults.push(`${name}: began in ${begun.get(event.id)}, ended in ${event.version}`);
        }
        continue;
      }
      if (current === null) current = event.version;
      if (event.version !== current) faults.push(`${name}: ran ${event.version}, the code is ${current}`);
      if (event.kind === 'm') begun.set(event.id, event.version);
    }
    return faults;
  },

  'a broadcast reaches the members of its moment, and the history is in order'(history, model) {
    return model.faults;
  },
};

function hasDeed(token, deed) {
  return token.startsWith(`${deed}.`, 2);
}

function describe(session) {
  return [session.route, session.place, session.isSecure && 'wss', session.isCompressed && 'deflate',
    ...session.deeds, session.error].filter(Boolean).join(', ');
}

// May this one be lost? By a deed of its own, of the path, or of its route's limits.
function isExcused(session, connection) {
  if (session.closed !== LOST) return false;
  return session.place === 'harsh' || session.route === 'brisk' ||
    session.deeds.some((deed) => deed === 'reset' || deed === 'drop') ||
    Boolean(connection && connection.killed.includes(LOST));
}

function forEach(model, judge) {
  const faults = [];
  for (const connection of model.connections.values()) {
    const fault = judge(connection);
    if (fault) faults.push(`${connection.name}: ${fault}`);
  }
  return faults;
}

// For each session that both sides know of.
function forBoth(history, model, judge) {
  const faults = [];
  for (const session of history.sessions) {
    const connection = model.byName.get(session.name);
    const fault = connection && judge(session, connection);
    if (fault) faults.push(`${session.name} (${describe(session)}): ${fault}`);
  }
  return faults;
}

// Returns [[promise, [fault, ...]], ...]: each promise, kept or not.
function check(history) {
  const model = replay(history);
  return Object.entries(promises).map(([name, judge]) => [name, judge(history, model)]);
}

module.exports = { check, difference };
