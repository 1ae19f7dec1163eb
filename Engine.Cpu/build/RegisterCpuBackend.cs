// Compiled into every program that links the CPU backend (see Directory.Build.targets), so that the backend is
// registered before the program's first line without any reflection.
namespace Edifice.Engine.Cpu;

internal static class RegisterCpuBackend
{
#pragma warning disable CA2255 // a module initializer in an application assembly is exactly what is meant here
    [System.Runtime.CompilerServices.ModuleInitializer]
    internal static void Register() => CpuBackend.Register();
#pragma warning restore CA2255
}
