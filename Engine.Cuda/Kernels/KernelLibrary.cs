using System.Collections.Concurrent;
using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>The kernels of one device: a module is compiled by the driver when one of its kernels is first launched, and stays.</summary>
internal sealed class KernelLibrary(ICudaDriver driver)
{
    private readonly ConcurrentDictionary<(string Module, DType Type), DeviceModule> _modules = new();
    private readonly ConcurrentDictionary<(string Module, DType Type, string Kernel), FunctionHandle> _functions = new();
    private readonly Lock _loading = new();

    /// <summary>A kernel of a file of this folder.</summary>
    /// <param name="file">Name of the file without ending.</param>
    /// <param name="type">float32 or float64.</param>
    /// <param name="kernel">Name of the .entry.</param>
    public FunctionHandle Get(string file, DType type, string kernel) =>
        _functions.TryGetValue((file, type, kernel), out var known) ? known : Load(file, type, kernel, static (f, t) => KernelSource.Module(f, t));

    /// <summary>A kernel whose text is made when it is first needed. <paramref name="module"/> names the text in the cache.</summary>
    public FunctionHandle Get(string module, DType type, string kernel, Func<string, DType, string> text) =>
        _functions.TryGetValue((module, type, kernel), out var known) ? known : Load(module, type, kernel, text);

    private FunctionHandle Load(string module, DType type, string kernel, Func<string, DType, string> text)
    {
        lock (_loading)
        {
            if (!_modules.TryGetValue((module, type), out var handle))
            {
                _modules[(module, type)] = handle = driver.LoadModule(text(module, type));
            }

            return _functions[(module, type, kernel)] = driver.GetFunction(handle, kernel);
        }
    }
}
