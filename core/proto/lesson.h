/*
 * lesson - what a refusal or a violation has to teach: which rule was broken,
 * by its place in an RFC, and what cures it. It stands in the log behind the
 * reason, which is also told to the peer; the lesson is not.
 */
#ifndef RATCHET_PROTO_LESSON_H
#define RATCHET_PROTO_LESSON_H

/* The lesson of a reason that this program gives, a sentence; "" for one that
 * has none. */
const char *lesson_of(const char *reason);
/* What stands between the reason and its lesson. */
const char *lesson_joint(const char *reason);

#endif
