/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* datagram_ask - a question and an answer by udp, between two sockets of this machine */
#include <sluice.h>

#include <stdio.h>
#include <stdlib.h>

static int check(const char *what, int64_t result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, sluice_error_text((int)result));
		exit(1);
	}
	return (int)result;
}

static void answer(sluice_datagram *server)
{
	struct sluice_address from;
	char text[1500], name[128];
	int length;

	length = check("receive", sluice_datagram_receive(server, text, sizeof(text), &from, NULL,
							  SLUICE_S(5)));
	check("text", sluice_datagram_text(server, &from, name, sizeof(name)));
	printf("'%.*s', asks somebody at %s\n", length, text, name);
	check("send", sluice_datagram_send(server, &from, "so so", 5, SLUICE_S(5)));
}

int main(void)
{
	struct sluice_datagram_options options = { .size = sizeof(options) };
	struct sluice_datagram_info info = { .size = sizeof(info) };
	sluice_datagram *server, *client;
	char text[64];
	int length;

	check("open", sluice_datagram_open("udp:127.0.0.1:0", NULL, &server));
	check("info", sluice_datagram_info(server, &info));
	options.peer = info.address; /* with the port that was chosen */
	check("open", sluice_datagram_open(NULL, &options, &client));
	check("send", sluice_datagram_send(client, NULL, "how are you?", 12, SLUICE_S(5)));
	answer(server);
	length = check("receive", sluice_datagram_receive(client, text, sizeof(text), NULL, NULL,
							  SLUICE_S(5)));
	printf("'%.*s'\n", length, text);
	sluice_datagram_close(client);
	sluice_datagram_close(server);
	return 0;
}
