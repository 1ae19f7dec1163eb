using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu;

namespace Edifice.Tests;

/// <summary>Runs every test that uses the CPU backend with guarded and poisoned buffers.</summary>
internal static class DebugMemory
{
    [ModuleInitializer]
    internal static void SwitchOn() => CpuBackend.DebugMemory = true;
}
