/* A device made with libmodbus: its own macros cut the values into registers, so that two independent minds have to agree.
 *
 *   libmodbus_server tcp PORT        Modbus TCP on 127.0.0.1
 *   libmodbus_server rtu DEVICE UNIT Modbus RTU, 19,200 baud, no parity
 *
 * Prints "ready" when it listens. What lies beyond the table it refuses with exception 2, as libmodbus does by itself. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include <modbus.h>

/* Not modbus_set_float_abcd() and its sisters: in 3.1.6 on a little-endian computer "abcd" writes b a d c. */
static void set_float(uint16_t *to, float value, int swap_bytes, int swap_words)
{
    uint32_t bits;
    uint16_t words[2];
    memcpy(&bits, &value, sizeof bits);
    MODBUS_SET_INT32_TO_INT16(words, 0, bits);
    for (int i = 0; i < 2; i++) {
        uint16_t word = words[swap_words ? 1 - i : i];
        to[i] = swap_bytes ? (uint16_t) (word << 8 | word >> 8) : word;
    }
}

static modbus_mapping_t *table(void)
{
    modbus_mapping_t *map = modbus_mapping_new(20, 20, 64, 16);
    if (map == NULL)
        return NULL;
    uint16_t *r = map->tab_registers;
    r[0] = 65535;
    r[1] = (uint16_t) -12345;
    MODBUS_SET_INT32_TO_INT16(r, 2, 3000000000u);
    MODBUS_SET_INT32_TO_INT16(r, 4, -2000000000);
    MODBUS_SET_INT64_TO_INT16(r, 6, -9000000000000000LL);
    MODBUS_SET_INT64_TO_INT16(r, 10, 18000000000000000000ULL);
    set_float(r + 14, 230.5f, 0, 0);
    set_float(r + 16, -0.15625f, 1, 0);
    set_float(r + 18, 49.98f, 0, 1);
    set_float(r + 20, 1.0e-9f, 1, 1);
    r[22] = 0x0400; /* bit 10 */
    memset(map->tab_input_registers, 0, 16 * sizeof(uint16_t));
    map->tab_input_registers[0] = 4711;
    for (int i = 0; i < 20; i++) {
        map->tab_bits[i] = i % 3 == 0;
        map->tab_input_bits[i] = i % 5 == 4;
    }
    return map;
}

/* Answers one connection until it ends. */
static void serve(modbus_t *ctx, modbus_mapping_t *map)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(ctx, query);
        if (length > 0)
            modbus_reply(ctx, query, length, map);
        else if (length < 0)
            return;
    }
}

int main(int argc, char **argv)
{
    modbus_mapping_t *map = table();
    if (map == NULL || argc < 3)
        return 2;
    if (strcmp(argv[1], "tcp") == 0) {
        modbus_t *ctx = modbus_new_tcp("127.0.0.1", atoi(argv[2]));
        int listener = ctx == NULL ? -1 : modbus_tcp_listen(ctx, 4);
        if (listener < 0) {
            fprintf(stderr, "listen: %s\n", modbus_strerror(errno));
            return 1;
        }
        puts("ready");
        fflush(stdout);
        while (modbus_tcp_accept(ctx, &listener) >= 0) {
            serve(ctx, map);
            modbus_close(ctx);
        }
        return 1;
    }
    modbus_t *ctx = modbus_new_rtu(argv[2], 19200, 'N', 8, 1);
    if (ctx == NULL || argc < 4 || modbus_set_slave(ctx, atoi(argv[3])) != 0 || modbus_connect(ctx) != 0) {
        fprintf(stderr, "%s: %s\n", argv[2], modbus_strerror(errno));
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        serve(ctx, map);
}
