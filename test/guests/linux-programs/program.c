/* Integers of all sizes, floating point in all three precisions, strings, sorting, calls through pointers, setjmp and
 * signals. No libm, so that the results do not depend on which of its variants the processor selects. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 4096

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void integers(void)
{
    static int64_t values[COUNT];
    uint64_t mixed = 0;
    for (int i = 0; i < COUNT; i++) {
        const uint64_t a = next(), b = next() | 1;
        values[i] = (int64_t)a;
        mixed += a / b ^ a % b ^ (uint64_t)((int64_t)a / (int32_t)b) ^ (uint32_t)a / (uint16_t)b;
        mixed = mixed << (b & 63) | mixed >> (-b & 63);
        mixed ^= (uint8_t)(a * b) + (int16_t)(a >> 5) - (int32_t)(b * 77);
    }
    qsort(values, COUNT, sizeof *values, by_value);
    for (int i = 0; i < COUNT; i++) mixed = mixed * 31 + (uint64_t)values[i];
    printf("integers %016llx\n", (unsigned long long)mixed);
}

static void vectors(void)
{
    static int32_t a[COUNT], b[COUNT];
    static int16_t c[COUNT];
    static uint8_t d[COUNT];
    for (int i = 0; i < COUNT; i++) {
        a[i] = (int32_t)next();
        b[i] = (int32_t)next();
        c[i] = (int16_t)next();
        d[i] = (uint8_t)next();
    }
    int64_t sum = 0;
    for (int i = 0; i < COUNT; i++) {
        a[i] = (a[i] > b[i] ? a[i] : b[i]) * 3 + c[i];
        c[i] = (int16_t)(c[i] * d[i] >> 4);
        d[i] = (uint8_t)((d[i] + (b[i] & 0xff) + 1) >> 1);
    }
    for (int i = 0; i < COUNT; i++) sum += (int64_t)a[i] * c[i] + d[i];
    printf("vectors %lld\n", (long long)sum);
}

static double bisect(double (*function)(double), double low, double high)
{
    for (int i = 0; i < 200; i++) {
        const double middle = (low + high) / 2;
        if (function(middle) < 0) low = middle; else high = middle;
    }
    return low;
}
static double cubic(double x) { return x * x * x - 2; }
static double rational(double x) { return x - 1 / (1 + x); }

static void floats(void)
{
    float single = 1;
    double sum = 0;
    long double pi = 0;
    for (int i = 1; i <= 2000; i++) {
        single = single * 1.0009765625f + 1.0f / (float)i;
        sum += 1.0 / ((double)i * i);
        pi += (i & 1 ? 4.0L : -4.0L) / (2 * i - 1);
    }
    /* Not in all digits: the x87's intermediate results have more of them than SSE's. */
    printf("floats %.4e %.13e %.15Le\n", single, sum, pi);
    printf("roots %.13f %.13f\n", bisect(cubic, 0, 2), bisect(rational, 0, 1));
    printf("conversions %lld %u %d %a %La\n", (long long)(sum * 1e15), (unsigned)(sum * 1e9), (int)-single, sum / 3e300 / 1e15, (long double)1 / 3);
}

static jmp_buf back;
static volatile sig_atomic_t signals;
static void on_signal(int number) { signals += number; }
static void on_fault(int number) { siglongjmp(back, number); }

static void control(void)
{
    signal(SIGUSR1, on_signal);
    for (int i = 0; i < 100; i++) raise(SIGUSR1);
    struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    int faults = 0;
    volatile int zero = 0;
    for (int i = 0; i < 20; i++) {
        const int caught = sigsetjmp(back, 1);
        if (caught) faults += caught;
        else if (i & 1) *(volatile char *)(uintptr_t)zero = 0;
        else zero = 1 / zero;
    }
    printf("control %d %d\n", (int)signals, faults);
}

static void strings(void)
{
    char text[512] = "";
    for (int i = 0; strlen(text) < 480; i++) sprintf(text + strlen(text), "%c%d", 'a' + i % 26, i * i);
    char *copy = malloc(sizeof text);
    memmove(copy, text + 7, 400);
    memmove(copy + 9, copy, 300);
    copy[400] = 0;
    unsigned hash = 5381;
    for (const char *at = copy; *at; at++) hash = hash * 33 ^ (unsigned char)*at;
    printf("strings %u %d %d %ld\n", hash, strcmp(text, copy) < 0, (int)(strstr(text, "m144") - text), strtol("-0x7fff", NULL, 16));
    free(copy);
}

int main(void)
{
    integers();
    vectors();
    floats();
    control();
    strings();
    return 0;
}
