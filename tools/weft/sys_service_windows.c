/* SPDX-License-Identifier: MIT
 *
 * A service of Windows. The service manager calls service_main in a thread of
 * its own, and control in the first one; to end, control sets the event that a
 * wait of the service ends with.
 */
#include "sys_windows.h"

static struct {
    SERVICE_STATUS_HANDLE handle;
    sys_service *body;
    void *context;
    int exit_code;
} service;

/* The manager has the name. */
static WCHAR no_name[] = L"";

static void report(DWORD state, int exit_code)
{
    SERVICE_STATUS status = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS,
                             .dwCurrentState = state};

    if (state == SERVICE_RUNNING) {
        status.dwControlsAccepted =
            SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN;
    }
    if (exit_code != 0) {
        status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
        status.dwServiceSpecificExitCode = (DWORD)exit_code;
    }
    (void)SetServiceStatus(service.handle, &status);
}

static DWORD WINAPI control(DWORD code, DWORD kind, void *data, void *context)
{
    HANDLE end = sys_end_event();

    (void)kind;
    (void)data;
    (void)context;
    switch (code) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
        report(SERVICE_STOP_PENDING, 0);
        if (end != NULL) {
            (void)SetEvent(end);
        }
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

static void WINAPI service_main(DWORD count, WCHAR **arguments)
{
    (void)count;
    (void)arguments;
    /* Before it says that it runs there must be something that ends it. */
    sys_hold_signals();
    service.handle = RegisterServiceCtrlHandlerExW(no_name, control, NULL);
    if (service.handle == NULL) {
        service.exit_code = 1;
        return;
    }
    report(SERVICE_RUNNING, 0);
    service.exit_code = service.body(service.context);
    report(SERVICE_STOPPED, service.exit_code);
}

int sys_service_run(sys_service *body, void *context, int *exit_code)
{
    SERVICE_TABLE_ENTRYW table[] = {{no_name, service_main}, {NULL, NULL}};

    service.body = body;
    service.context = context;
    if (!StartServiceCtrlDispatcherW(table)) {
        return (int)GetLastError();
    }
    *exit_code = service.exit_code;
    return 0;
}
