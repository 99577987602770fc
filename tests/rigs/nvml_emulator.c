/* A libnvidia-ml.so.1 without a GPU, for the real pynvml bindings.
 *
 * Power is a square wave between two levels, so the energy counter is an exact integral,
 * latched at the register's update period. A test steers it through `struct control`, mapped
 * from the file that NVML_EMULATOR names: the time, errors per call and per GPU, a frozen or
 * reset counter, MIG, throttling. -DOLD_DRIVER leaves out the symbols that old drivers lack.
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
    double spread;                     /* GPU i draws 1 + i * spread times as much, from i = 0 */
    int64_t devices, architecture;
    int64_t energy_error, power_error, field_error, any_error;
    int64_t failing;                   /* the GPU, from 1, that has these errors; 0: all */
    int64_t power_raw;                 /* its low 32 bits are what power reads; 0: the truth */
    int64_t scopes;                    /* bit 0: power of the GPU; bit 1: of the module */
    int64_t throttle, limit_mw, max_mw, celsius, mig, processes;
    int64_t energy_calls, power_calls, initialised, handles;
    char name[64];                     /* empty: Emulated GPU */
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
    return (int)(state->any_error && !state->failing ? state->any_error : error);
}

/* The same of one GPU; a handle is its index + 1. */
static int refuses(void *device, int64_t error)
{
    int mine = state && (!state->failing || state->failing == (int64_t)(uintptr_t)device);
    return refused(mine ? (state->any_error ? state->any_error : error) : 0);
}

static double share(void *device)
{
    return 1.0 + ((double)(uintptr_t)device - 1.0) * state->spread;
}

static unsigned milliwatts_of(void *device, double window)
{
    if (state->power_raw)
        return (unsigned)state->power_raw;
    return (unsigned)lround(watts(latched(now()), window) * share(device) * 1e3);
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
    state->initialised++;
    return SUCCESS;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void)
{
    if (refused(0) == UNINITIALIZED)
        return UNINITIALIZED;
    state->initialised--;
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

/* A handle is its index + 1; MIG instances are 100 + that. */
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = (void *)(uintptr_t)(index + 1);
    if (state)
        state->handles++;
    return state && index < state->devices ? refuses(*device, 0) : INVALID;
}

struct place { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };

int nvmlDeviceGetPciInfo_v3(void *device, struct place *place)
{
    place->bus = (unsigned)(uintptr_t)device;
    snprintf(place->bus_id, sizeof place->bus_id, "00000000:%02X:00.0", place->bus);
    return refused(0);
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **device)
{
    unsigned domain, bus;
    if (sscanf(bus_id, "%x:%x:", &domain, &bus) != 2 || !state || bus > state->devices)
        return NOT_FOUND;
    return nvmlDeviceGetHandleByIndex_v2(bus - 1, device);
}

int nvmlDeviceGetUUID(void *device, char *out, unsigned length)
{
    char text[64];
    snprintf(text, sizeof text, "GPU-%08x-0000-0000-0000-000000000000",
             0xaaaa0000u + (unsigned)(uintptr_t)device);
    return copy(out, length, text);
}

/* MIG-1... is an instance of the first GPU, MIG-2... of the second, and so on. */
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device)
{
    int parent = strncmp(uuid, "MIG-", 4) ? 0 : uuid[4] - '0';
    *device = (void *)(uintptr_t)(100 + parent);
    return state && parent >= 1 && parent <= state->devices ? refused(0) : NOT_FOUND;
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
    return copy(out, length, state && state->name[0] ? state->name : "Emulated GPU");
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
    int error = refuses(device, state ? state->power_error : 0);
    if (error)
        return error;
    state->power_calls++;
    *milliwatts = milliwatts_of(device, state->average_s);
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons)
{
    (void)device;
    *reasons = state ? (unsigned long long)state->throttle : 0;
    return refused(0);
}

struct process { unsigned pid; unsigned long long memory; unsigned gpu, compute; };

int nvmlDeviceGetComputeRunningProcesses_v2(void *device, unsigned *count, struct process *found)
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

#ifndef OLD_DRIVER
struct field { uint32_t id, scope; int64_t timestamp, latency; uint32_t type, status;
               union { double d; unsigned u; unsigned long long ull; } value; };

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules)
{
    double moment = now();
    int error = refuses(device, state ? state->energy_error : 0);
    if (error)
        return error;
    state->energy_calls++;
    if (state->frozen_s > 0.0)
        moment = fmin(moment, state->frozen_s);
    *millijoules = (unsigned long long)llround(
        fmax(joules(latched(moment)) * share(device) - state->lost_j, 0.0) * 1e3);
    return SUCCESS;
}

int nvmlDeviceGetFieldValues(void *device, int count, struct field *fields)
{
    if (refuses(device, 0))
        return refuses(device, 0);
    for (int i = 0; i < count; i++) {
        int known = fields[i].id == 186 && state->scopes >> fields[i].scope & 1;
        fields[i].status = known ? (uint32_t)refuses(device, state->field_error) : NOT_SUPPORTED;
        fields[i].type = 1;
        fields[i].value.u = milliwatts_of(device, 0.0);
    }
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *reasons)
{
    return nvmlDeviceGetCurrentClocksThrottleReasons(device, reasons);
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, struct process *found)
{
    return nvmlDeviceGetComputeRunningProcesses_v2(device, count, found);
}
#endif

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

int nvmlDeviceGetPowerManagementDefaultLimit(void *device, unsigned *milliwatts)
{
    return nvmlDeviceGetEnforcedPowerLimit(device, milliwatts);
}

int nvmlDeviceGetPowerManagementLimitConstraints(void *device, unsigned *least, unsigned *most)
{
    (void)device;
    *least = 100000;
    *most = state ? (unsigned)state->max_mw : 0;
    return refused(0);
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
