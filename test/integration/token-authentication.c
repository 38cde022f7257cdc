/*
 * A plugin for Mosquitto 2: enhanced authentication by a token, in one step (MQTT 5.0, 4.12). By plugin_opt_method, a
 * client that shows what is in plugin_opt_token_file may connect. The file is read each time.
 */
#include <stdio.h>
#include <string.h>

#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

/* As in mosquitto.h, which belongs to the client library. */
enum { ACCEPTED = 0, REFUSED = 11, NOT_MINE = 17, LOG_NOTICE = 2 };

static mosquitto_plugin_id_t *plugin;
static const char *method = "";
static const char *token_file = "";

static size_t read_token(char *token, size_t bytes_max) {
  FILE *file = fopen(token_file, "r");
  if (!file) return 0;
  size_t bytes = fread(token, 1, bytes_max, file);
  fclose(file);
  return bytes;
}

static int authenticate(int event, void *data, void *user_data) {
  (void)event;
  (void)user_data;
  const struct mosquitto_evt_extended_auth *shown = data;
  if (strcmp(shown->auth_method, method) != 0) return NOT_MINE;
  char token[8192];
  size_t bytes = read_token(token, sizeof token);
  int is_right = bytes > 0 && bytes == shown->data_in_len && memcmp(token, shown->data_in, bytes) == 0;
  mosquitto_log_printf(LOG_NOTICE, "Token %s", is_right ? "accepted" : "refused");
  return is_right ? ACCEPTED : REFUSED;
}

int mosquitto_plugin_version(int supported_count, const int *supported) {
  for (int index = 0; index < supported_count; index++)
    if (supported[index] == MOSQ_PLUGIN_VERSION) return MOSQ_PLUGIN_VERSION;
  return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **user_data, struct mosquitto_opt *options,
                          int options_count) {
  (void)user_data;
  plugin = id;
  for (int index = 0; index < options_count; index++) {
    if (strcmp(options[index].key, "method") == 0) method = options[index].value;
    if (strcmp(options[index].key, "token_file") == 0) token_file = options[index].value;
  }
  return mosquitto_callback_register(plugin, MOSQ_EVT_EXT_AUTH_START, authenticate, NULL, NULL);
}

int mosquitto_plugin_cleanup(void *user_data, struct mosquitto_opt *options, int options_count) {
  (void)user_data;
  (void)options;
  (void)options_count;
  return mosquitto_callback_unregister(plugin, MOSQ_EVT_EXT_AUTH_START, authenticate, NULL);
}
