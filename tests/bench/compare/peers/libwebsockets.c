// libwebsockets: an echo and a chat. It writes when it is asked to, so each
// connection has a queue of what it is to get; a message that came in pieces is
// sent when it is whole.
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// A message for any number of queues; it is freed with the last of them.
struct message {
  int users;
  enum lws_write_protocol kind;
  size_t size;
  unsigned char bytes[]; // LWS_PRE bytes of room come first
};

struct entry {
  struct entry *next;
  struct message *message;
};

struct client {
  struct client *next; // in the chat
  struct lws *wsi;
  bool is_in_chat;
  struct message *partial;
  size_t room;
  struct entry *first, **last;
};

static struct client *chat;

static void drop(struct message *message) {
  if (--message->users == 0) free(message);
}

static void enqueue(struct client *client, struct message *message) {
  struct entry *entry = malloc(sizeof *entry);
  *entry = (struct entry){.message = message};
  message->users++;
  *client->last = entry;
  client->last = &entry->next;
  lws_callback_on_writable(client->wsi);
}

static struct message *dequeue(struct client *client) {
  struct entry *entry = client->first;
  struct message *message = entry->message;
  client->first = entry->next;
  if (client->first == NULL) client->last = &client->first;
  free(entry);
  return message;
}

static void gather(struct client *client, const void *bytes, size_t size) {
  struct message *message = client->partial;
  size_t wanted = (message ? message->size : 0) + size +
                  lws_remaining_packet_payload(client->wsi);
  if (message == NULL || wanted > client->room) {
    message = realloc(message, sizeof *message + LWS_PRE + wanted);
    if (client->partial == NULL) {
      *message = (struct message){.kind = lws_frame_is_binary(client->wsi)
                                              ? LWS_WRITE_BINARY
                                              : LWS_WRITE_TEXT};
    }
    client->partial = message;
    client->room = wanted;
  }
  memcpy(message->bytes + LWS_PRE + message->size, bytes, size);
  message->size += size;
}

static void received(struct client *client, const void *bytes, size_t size) {
  gather(client, bytes, size);
  if (lws_remaining_packet_payload(client->wsi) > 0 ||
      !lws_is_final_fragment(client->wsi))
    return;
  struct message *message = client->partial;
  client->partial = NULL;
  message->users = 1;
  if (!client->is_in_chat) {
    enqueue(client, message);
  } else {
    for (struct client *one = chat; one != NULL; one = one->next) {
      if (one != client) enqueue(one, message);
    }
  }
  drop(message);
}

static int write_next(struct client *client) {
  if (client->first == NULL) return 0;
  struct message *message = dequeue(client);
  // A client's copy may be changed while it is written, but the server's is
  // sent as it is.
  int written = lws_write(client->wsi, message->bytes + LWS_PRE, message->size,
                          message->kind);
  int status = written < (int)message->size ? -1 : 0;
  drop(message);
  if (client->first != NULL) lws_callback_on_writable(client->wsi);
  return status;
}

static void joined(struct client *client, struct lws *wsi) {
  char path[16] = "";
  lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
  client->wsi = wsi;
  client->last = &client->first;
  client->is_in_chat = strcmp(path, "/chat") == 0;
  if (!client->is_in_chat) return;
  client->next = chat;
  chat = client;
}

static void left(struct client *client) {
  while (client->first != NULL) drop(dequeue(client));
  free(client->partial);
  for (struct client **at = &chat; *at != NULL; at = &(*at)->next) {
    if (*at == client) {
      *at = client->next;
      return;
    }
  }
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason,
                    void *user, void *bytes, size_t size) {
  switch (reason) {
  case LWS_CALLBACK_ESTABLISHED: joined(user, wsi); return 0;
  case LWS_CALLBACK_RECEIVE: received(user, bytes, size); return 0;
  case LWS_CALLBACK_SERVER_WRITEABLE: return write_next(user);
  case LWS_CALLBACK_CLOSED: left(user); return 0;
  default: return 0;
  }
}

int main(void) {
  static const struct lws_protocols protocols[] = {
      {"default", on_event, sizeof(struct client), 128 * 1024, 0, NULL, 0},
      {NULL, NULL, 0, 0, 0, NULL, 0},
  };
  static const struct lws_extension extensions[] = {
      {"permessage-deflate", lws_extension_callback_pm_deflate,
       "permessage-deflate; client_max_window_bits"},
      {NULL, NULL, NULL},
  };
  const char *deflate = getenv("DEFLATE"), *cert = getenv("CERT");
  struct lws_context_creation_info info = {
      .port = atoi(getenv("PORT")),
      .iface = "127.0.0.1",
      .protocols = protocols,
      .extensions = deflate && *deflate == '1' ? extensions : NULL,
      .pt_serv_buf_size = 128 * 1024,
      .gid = -1,
      .uid = -1,
  };
  if (cert != NULL) {
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.ssl_cert_filepath = cert;
    info.ssl_private_key_filepath = getenv("KEY");
  }
  lws_set_log_level(LLL_ERR, NULL);
  struct lws_context *context = lws_create_context(&info);
  if (context == NULL) return 1;
  while (lws_service(context, 0) >= 0) {
  }
  lws_context_destroy(context);
  return 0;
}
