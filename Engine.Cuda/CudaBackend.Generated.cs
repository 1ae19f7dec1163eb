using System.Collections.Concurrent;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    private readonly ConcurrentDictionary<GeneratedKernel, FunctionHandle> _generated = new();

    /// <summary>What a generated kernel is made from; its text follows from this alone.</summary>
    /// <param name="Family">The skeleton and the table of its operators.</param>
    /// <param name="Operator">Number of the operator there.</param>
    /// <param name="Type">Element type.</param>
    /// <param name="Other">A second element type, or a variant.</param>
    /// <param name="Rank">Number of axes; what 0 stands for is the skeleton's.</param>
    /// <param name="InnerRank">Number of further axes.</param>
    private readonly record struct GeneratedKernel(
        string Family, int Operator, DType Type, int Other = 0, int Rank = 0, int InnerRank = 0);

    /// <summary>A kernel whose text is generated when it is first asked for.</summary>
    private FunctionHandle Generated(in GeneratedKernel key, string entry, Func<GeneratedKernel, string> text)
    {
        if (_generated.TryGetValue(key, out var known)) return known;
        var named = key;
        var module = $"{key.Family}.{key.Operator}.{key.Type}.{key.Other}.{key.Rank}.{key.InnerRank}";
        return _generated[key] = Kernels.Get(module, key.Type, entry, (_, _) => text(named));
    }

    /// <summary>Threads one launch is to have at least; the grid has whole blocks.</summary>
    private void LaunchThreads(FunctionHandle kernel, long threads, uint perBlock, in KernelArguments arguments) =>
        LaunchBlocks(kernel, (threads + perBlock - 1) / perBlock, perBlock, arguments);

    private void LaunchBlocks(FunctionHandle kernel, long blocks, uint perBlock, in KernelArguments arguments) =>
        Driver.Launch(kernel, new LaunchShape((uint)blocks, 1, 1, perBlock, 1, 1, 0), arguments.Bytes, Stream);

    /// <summary>Refuses what 32-bit element numbers in a kernel cannot tell apart.</summary>
    private static void RefuseHuge(string op, params ReadOnlySpan<Tensor> operands)
    {
        foreach (var operand in operands)
        {
            if (operand.Count > int.MaxValue)
                throw TensorException.For(op, $"kernels on cuda count up to {int.MaxValue} elements: slice the tensor (x[..n]) and do the parts one by one", operands);
        }
    }

    /// <summary>True when a launch has nothing to do.</summary>
    private static bool IsEmpty(Tensor result) => result.Count == 0;

    private static TensorException NoKernel<TKernel>(TKernel kernel, params ReadOnlySpan<Tensor> operands) where TKernel : struct, Enum =>
        TensorException.For($"{kernel}", "there is no kernel for this dtype: convert with .To(DType.Float32) first", operands);
}
