using Edifice.Engine.Cuda;
using Edifice.GpuProgram;

CudaBackend.Register();
switch (args)
{
    case ["test", ..]:
        return TestRun.All(args.Length > 1 ? args[1] : "") ? 0 : 1;
    case ["bench"]:
        Measurements.Run();
        return 0;
    default:
        Console.Error.WriteLine("edifice-gpu test [NAME]   the CUDA tests on card 0 (those whose name contains NAME)");
        Console.Error.WriteLine("edifice-gpu bench         bytes per second of the kernels on card 0, beside its copy");
        return 2;
}
