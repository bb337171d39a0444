/* SPDX-License-Identifier: MIT
 *
 * Programs that Windows is lost without, or its user's work.
 *
 * Folders are named by what stands for them on every machine; identity.c writes
 * paths so. What is in the system's folder counts by its whole path alone, for
 * anybody may write below C:\Windows\Temp.
 */
#include "../known.h"

static const char *const folders[] = {"%ProgramFiles%\\", NULL};

#define SYSTEM(name) "%SystemRoot%\\System32\\" name
#define APP(name) "%SystemRoot%\\SystemApps\\" name

static const char *const session[] = {
    "%SystemRoot%\\explorer.exe",
    SYSTEM("LogonUI.exe"),
    SYSTEM("OpenSSH\\ssh-agent.exe"),
    SYSTEM("OpenSSH\\sshd.exe"),
    SYSTEM("RuntimeBroker.exe"),
    SYSTEM("conhost.exe"),
    SYSTEM("consent.exe"),
    SYSTEM("csrss.exe"),
    SYSTEM("ctfmon.exe"),
    SYSTEM("dwm.exe"),
    SYSTEM("fontdrvhost.exe"),
    SYSTEM("lsaiso.exe"),
    SYSTEM("lsass.exe"),
    SYSTEM("rdpclip.exe"),
    SYSTEM("services.exe"),
    SYSTEM("sihost.exe"),
    SYSTEM("smss.exe"),
    SYSTEM("svchost.exe"),
    SYSTEM("taskhostw.exe"),
    SYSTEM("userinit.exe"),
    SYSTEM("wininit.exe"),
    SYSTEM("winlogon.exe"),
    APP("MicrosoftWindows.Client.CBS_cw5n1h2txyewy\\TextInputHost.exe"),
    APP("Microsoft.Windows.StartMenuExperienceHost_cw5n1h2txyewy\\"
        "StartMenuExperienceHost.exe"),
    APP("ShellExperienceHost_cw5n1h2txyewy\\ShellExperienceHost.exe"),
    NULL};

static const char *const audio[] = {SYSTEM("audiodg.exe"), NULL};

static const char *const machine[] = {
    SYSTEM("vmcompute.exe"),  SYSTEM("vmwp.exe"),        "VBoxHeadless.exe",
    "VirtualBoxVM.exe",       "qemu-system-aarch64.exe", "qemu-system-i386.exe",
    "qemu-system-x86_64.exe", "vmware-vmx.exe",          NULL};

const struct weftos_known weftos_known = {'\\',
                                          folders,
                                          {{WEFT_MARK_SESSION, session},
                                           {WEFT_MARK_AUDIO, audio},
                                           {WEFT_MARK_MACHINE, machine}}};
