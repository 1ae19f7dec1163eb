using Edifice.Engine;
using Edifice.Engine.Cuda;
using Edifice.GpuProgram;

if (args is not (["test", ..] or ["bench"]))
{
    Console.Error.WriteLine("edifice-gpu test [NAME]   the CUDA tests on card 0 (those whose name contains NAME)");
    Console.Error.WriteLine("edifice-gpu bench         bytes per second of the kernels on card 0, beside its copy");
    return 2;
}

CudaBackend.Register();
try
{
    // Before the tests, each of which would fail for the same reason.
    _ = Device.Cuda;
}
catch (DeviceUnavailableException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

if (args is ["test", ..]) return TestRun.All(args.Length > 1 ? args[1] : "") ? 0 : 1;
Measurements.Run();
return 0;
