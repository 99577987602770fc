/* A libnvidia-ml.so.1 without a GPU, for the real pynvml bindings.
 *
 * Power is a square wave between two levels, so the energy counter is an exact integral,
 * latched at the register's update period. A test steers it through `struct control`, mapped
 * from the file that NVML_EMULATOR names: the time, errors per call, a frozen or reset counter,
 * MIG, throttling. -DOLD_DRIVER leaves out the symbols that old drivers lack.
 *
 * Build: cc -O2 -shared -fPIC -Wl,-soname,libnvidia-ml.so.1 -o libnvidia-ml.so.1 nvml_emulator.c -lm
 */
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6,
       INSUFFICIENT_SIZE = 7, UNKNOWN = 999 };

struct control {
    double low_w, high_w, wave_s;      /* wave_s 0: constant low_w */
    double update_s;                   /* of the counter and of power */
    double average_s;                  /* window of nvmlDeviceGetPowerUsage; 0: instantaneous */
    double origin_s;                   /* moment at which the counter is 0 */
    double frozen_s;                   /* the counter stands from this moment; 0: it runs */
    double lost_j;                     /* taken off the counter: a reset */
    double now_s;                      /* the moment it is; 0: what CLOCK_MONOTONIC says */
    int64_t devices, architecture;
    int64_t energy_error, power_error, field_error, any_error;
    int64_t throttle, limit_mw, celsius, mig, processes;
    int64_t energy_calls, power_calls, initialised;
};

static struct control *state;

static double now(void)
{
    struct timespec t;
    if (state && state->now_s > 0.0)
        return state->now_s;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Joules from the origin to a moment: whole waves, then the part of the last one. */
static double joules(double moment)
{
    double t = fmax(moment - state->origin_s, 0.0);
    if (state->wave_s <= 0.0)
        return t * state->low_w;
    double half = state->wave_s / 2, waves = floor(t / state->wave_s);
    double rest = t - waves * state->wave_s;
    return waves * half * (state->low_w + state->high_w)
        + fmin(rest, half) * state->low_w + fmax(rest - half, 0.0) * state->high_w;
}

static double latched(double moment)
{
    double t = moment - state->origin_s;
    return state->update_s > 0.0 ? state->origin_s + floor(t / state->update_s) * state->update_s
                                 : moment;
}

static double watts(double moment, double window)
{
    window = fmax(window, 1e-3);
    return (joules(moment) - joules(moment - window)) / window;
}

static int refused(int64_t error)
{
    if (!state || !state->initialised)
        return UNINITIALIZED;
    return (int)(state->any_error ? state->any_error : error);
}

int nvmlInitWithFlags(unsigned flags)
{
    const char *path = getenv("NVML_EMULATOR");
    int file = path ? open(path, O_RDWR) : -1;
    (void)flags;
    if (file < 0)
        return UNKNOWN;
    if (state)
        munmap(state, sizeof *state);
    state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    state->initialised = 1;
    return SUCCESS;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void)
{
    if (refused(0) == UNINITIALIZED)
        return UNINITIALIZED;
    state->initialised = 0;
    return SUCCESS;
}

const char *nvmlErrorString(int code)
{
    static char text[32];
    switch (code) {
    case 1: return "Uninitialized";
    case 3: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 6: return "Not Found";
    case 15: return "GPU is lost";
    case 16: return "GPU requires reset";
    case 999: return "Unknown Error";
    }
    snprintf(text, sizeof text, "Error %d", code);
    return text;
}

static int copy(char *out, unsigned length, const char *text)
{
    snprintf(out, length, "%s", text);
    return refused(0);
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    if (state)
        *count = (unsigned)state->devices;
    return refused(0);
}

/* A handle is its index + 1; MIG instances are 100 + index. */
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = (void *)(uintptr_t)(index + 1);
    return state && index < state->devices ? refused(0) : INVALID;
}

int nvmlDeviceGetUUID(void *device, char *out, unsigned length)
{
    char text[64];
    snprintf(text, sizeof text, "GPU-%08x-0000-0000-0000-000000000000",
             0xaaaa0000u + (unsigned)(uintptr_t)device);
    return copy(out, length, text);
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **device)
{
    *device = (void *)(uintptr_t)101;
    return strncmp(uuid, "MIG-", 4) ? NOT_FOUND : refused(0);
}

int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void *instance, void **device)
{
    *device = (void *)((uintptr_t)instance - 100);
    return refused(0);
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending)
{
    (void)device;
    *current = *pending = state ? (unsigned)state->mig : 0;
    return refused(0);
}

int nvmlDeviceGetName(void *device, char *out, unsigned length)
{
    (void)device;
    return copy(out, length, "Emulated GPU");
}

int nvmlSystemGetDriverVersion(char *out, unsigned length) { return copy(out, length, "555.1"); }
int nvmlSystemGetNVMLVersion(char *out, unsigned length) { return copy(out, length, "12.555.1"); }

int nvmlDeviceGetArchitecture(void *device, unsigned *architecture)
{
    (void)device;
    *architecture = state ? (unsigned)state->architecture : 0;
    return refused(0);
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts)
{
    (void)device;
    if (refused(state ? state->power_error : 0))
        return refused(state ? state->power_error : 0);
    state->power_calls++;
    *milliwatts = (unsigned)lround(watts(latched(now()), state->average_s) * 1e3);
    return SUCCESS;
}

#ifndef OLD_DRIVER
struct field { uint32_t id, scope; int64_t timestamp, latency; uint32_t type, status;
               union { double d; unsigned u; unsigned long long ull; } value; };

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules)
{
    double moment = now();
    (void)device;
    if (refused(state ? state->energy_error : 0))
        return refused(state ? state->energy_error : 0);
    state->energy_calls++;
    if (state->frozen_s > 0.0)
        moment = fmin(moment, state->frozen_s);
    *millijoules = (unsigned long long)llround(
        fmax(joules(latched(moment)) - state->lost_j, 0.0) * 1e3);
    return SUCCESS;
}

int nvmlDeviceGetFieldValues(void *device, int count, struct field *fields)
{
    (void)device;
    if (refused(0))
        return refused(0);
    for (int i = 0; i < count; i++) {
        int known = fields[i].id == 186 && fields[i].scope == 0;
        fields[i].status = known ? (uint32_t)state->field_error : NOT_SUPPORTED;
        fields[i].type = 1;
        fields[i].value.u = (unsigned)lround(watts(latched(now()), 0.0) * 1e3);
    }
    return SUCCESS;
}
#endif

int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *reasons)
{
    (void)device;
    *reasons = state ? (unsigned long long)state->throttle : 0;
    return refused(0);
}

int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *milliwatts)
{
    (void)device;
    *milliwatts = state ? (unsigned)state->limit_mw : 0;
    return refused(0);
}

int nvmlDeviceGetPowerManagementLimit(void *device, unsigned *milliwatts)
{
    return nvmlDeviceGetEnforcedPowerLimit(device, milliwatts);
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius)
{
    (void)device, (void)sensor;
    *celsius = state ? (unsigned)state->celsius : 0;
    return refused(0);
}

int nvmlDeviceGetClockInfo(void *device, int kind, unsigned *mhz)
{
    (void)device, (void)kind;
    *mhz = 1500;
    return refused(0);
}

int nvmlDeviceGetPerformanceState(void *device, int *level)
{
    (void)device;
    *level = 0;
    return refused(0);
}

int nvmlDeviceGetPersistenceMode(void *device, int *mode)
{
    (void)device;
    *mode = 1;
    return refused(0);
}

struct process { unsigned pid; unsigned long long memory; unsigned gpu, compute; };

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, struct process *found)
{
    unsigned there = state ? (unsigned)state->processes : 0, room = *count;
    (void)device;
    *count = there;
    if (there > room)
        return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < there; i++)
        found[i] = (struct process){4000000u + i, 0, 0, 0};
    return refused(0);
}
