#include "support_capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static FILE *file;
static int real_stderr;
static char text[64 * 1024];

void capture_start(void) {
  fflush(stderr);
  file = tmpfile();
  real_stderr = dup(STDERR_FILENO);
  if (!file || real_stderr < 0 || dup2(fileno(file), STDERR_FILENO) < 0) {
    perror("capture");
    exit(2);
  }
}

const char *capture_end(void) {
  fflush(stderr);
  dup2(real_stderr, STDERR_FILENO);
  close(real_stderr);
  rewind(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  return text;
}
