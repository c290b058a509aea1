/*
 * test_runtime_folder - where control sockets lie, and who may have made the
 * folder; and what is said when nobody answers there.
 */
#include "check.h"
#include "net/control_client.h"
#include "net/runtime_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];

static void begin(void) {
  snprintf(root, sizeof root, "/tmp/ratchet-runtime-XXXXXX");
  CHECK(mkdtemp(root) != NULL);
  setenv("XDG_RUNTIME_DIR", root, 1);
}

static void end(void) {
  char path[128];
  snprintf(path, sizeof path, "%s/ratchet-lua", root);
  if (unlink(path) != 0) rmdir(path);
  rmdir(root);
  unsetenv("XDG_RUNTIME_DIR");
}

TEST(runtime_folder_is_made_for_this_user_only) {
  char path[128], wanted[128];
  struct stat found;
  begin();
  CHECK_EQ(runtime_folder(path, sizeof path), 0);
  snprintf(wanted, sizeof wanted, "%s/ratchet-lua", root);
  CHECK_TEXT(path, wanted);
  CHECK_EQ(stat(path, &found), 0);
  CHECK_EQ(found.st_mode & 0777, 0700);
  CHECK_EQ(runtime_folder(path, sizeof path), 0);
  CHECK_EQ(runtime_socket(path, sizeof path, 42), 0);
  snprintf(wanted, sizeof wanted, "%s/ratchet-lua/42.sock", root);
  CHECK_TEXT(path, wanted);
  end();
}

TEST(runtime_folder_that_others_can_enter_is_not_used) {
  char path[128];
  begin();
  CHECK_EQ(runtime_folder(path, sizeof path), 0);
  CHECK_EQ(chmod(path, 0755), 0);
  CHECK_EQ(runtime_folder(path, sizeof path), -EPERM);
  end();
}

TEST(runtime_folder_that_is_a_link_is_not_used) {
  char path[128];
  begin();
  snprintf(path, sizeof path, "%s/ratchet-lua", root);
  CHECK_EQ(symlink("/tmp", path), 0);
  CHECK_EQ(runtime_folder(path, sizeof path), -ENOTDIR);
  end();
}

TEST(runtime_folder_needs_room_for_its_path) {
  char path[8];
  begin();
  CHECK_EQ(runtime_folder(path, sizeof path), -ENAMETOOLONG);
  CHECK_EQ(runtime_socket(path, sizeof path, 1), -ENAMETOOLONG);
  end();
}

/* What is said on stderr's side, and the status. */
static int say(const struct control_target *target, char *text, size_t size) {
  FILE *errors = fmemopen(text, size, "w");
  int status = control_say(target, "reload", errors, errors);
  fclose(errors);
  return status;
}

TEST(control_client_says_that_the_folder_cannot_be_used) {
  char path[256], text[256];
  struct control_target any = {0};
  begin();
  snprintf(path, sizeof path, "%s/ratchet-lua", root);
  CHECK_EQ(symlink("/tmp", path), 0);
  CHECK_EQ(say(&any, text, sizeof text), 1);
  CHECK_TEXT(text, "ratchet-lua: the runtime folder cannot be used: "
                   "Not a directory\n");
  end();
}

/* A server that ends before it has answered. */
TEST(control_client_says_that_there_was_no_answer) {
  char text[256];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct control_target self = {.pid = getpid()};
  begin();
  CHECK_EQ(runtime_socket(address.sun_path, sizeof address.sun_path, getpid()),
           0);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(bind(fd, (struct sockaddr *)(void *)&address, sizeof address), 0);
  CHECK_EQ(listen(fd, 1), 0);
  pid_t child = fork();
  if (child == 0) {
    char line[16];
    int peer = accept(fd, NULL, NULL);
    _exit(read(peer, line, sizeof line) > 0 ? 0 : 1);
  }
  close(fd);
  CHECK_EQ(say(&self, text, sizeof text), 1);
  CHECK(strstr(text, "cannot be asked: Connection reset") != NULL);
  CHECK_EQ(waitpid(child, NULL, 0), child);
  unlink(address.sun_path);
  end();
}

TEST(control_client_says_that_nobody_is_there) {
  char text[256];
  struct control_target any = {0}, one = {.pid = 1}, app = {.app = "no.lua"};
  begin();
  CHECK_EQ(say(&any, text, sizeof text), 1);
  CHECK_TEXT(text, "ratchet-lua: no server of this user runs\n");
  CHECK_EQ(say(&app, text, sizeof text), 1);
  CHECK_TEXT(text, "ratchet-lua: no server of this user serves no.lua\n");
  CHECK_EQ(say(&one, text, sizeof text), 1);
  CHECK(strstr(text, "process 1 cannot be asked: No such file") != NULL);
  end();
}
