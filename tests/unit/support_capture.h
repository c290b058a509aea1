/* support_capture - what a test makes the code under test write to stderr. */
#ifndef RATCHET_TESTS_SUPPORT_CAPTURE_H
#define RATCHET_TESTS_SUPPORT_CAPTURE_H

/* From here on stderr goes to a file of its own. */
void capture_start(void);
/* Puts stderr back; what was written, valid until the next call. */
const char *capture_end(void);

#endif
