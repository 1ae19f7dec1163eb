using Edifice.Engine.Backends;

namespace Edifice.Engine.Autograd;

/// <summary>Anomaly mode: the first op whose result is NaN, or whose gradient is not finite, is named in an exception.</summary>
/// <remarks>
/// <para>Infinite results are left alone: masked scores are -∞ on purpose, and an infinity that does harm ends as a NaN. No gradient is
/// infinite on purpose. (PyTorch's mode of this kind looks at gradients alone, and there for NaN.)</para>
/// <para>Every result is read once more, so this is for finding a fault, not for production runs.</para>
/// </remarks>
public static class Anomaly
{
    private static int s_regions;

    /// <summary>True while some region is open (for all threads).</summary>
    public static bool IsOn => Volatile.Read(ref s_regions) > 0;

    /// <summary>Detects anomalies until the result is disposed.</summary>
    public static IDisposable Detect()
    {
        Interlocked.Increment(ref s_regions);
        return new Region();
    }

    /// <summary>True while a backward rule runs: what it makes on the way is judged by its results, under the name of its op.</summary>
    [ThreadStatic] private static bool s_inRule;

    internal static Tensor?[] Pull(Node node, Tensor?[] cotangents, bool[]? wanted)
    {
        var outer = s_inRule;
        s_inRule = true;
        try
        {
            return node.Pull(cotangents, wanted);
        }
        finally
        {
            s_inRule = outer;
        }
    }

    internal static void CheckForward(string op, Tensor y)
    {
        // The maximum is NaN exactly when some element is.
        if (!IsOn || s_inRule || !double.IsNaN(Worst(ReduceKernel.Max, y))) return;
        throw new AutogradException($"{op}: the forward pass made a NaN in its result ({y.Describe()})");
    }

    internal static void CheckBackward(string op, int input, Tensor gradient)
    {
        // The maximum of the sizes is NaN or infinite exactly when some element is.
        if (!IsOn || double.IsFinite(Worst(ReduceKernel.NormInf, gradient))) return;
        throw new AutogradException(
            $"{op}: the backward pass made a NaN or an infinity in the gradient of input {input} ({gradient.Describe()})");
    }

    private static double Worst(ReduceKernel kernel, Tensor y)
    {
        if (!y.DType.IsComputeFloat() || y.Count == 0) return 0;
        using var off = GradMode.Off();
        using var scope = Tensor.Scope();
        var dims = new int[y.Rank];
        Array.Fill(dims, 1);
        var axes = new int[y.Rank];
        for (var i = 0; i < axes.Length; i++) axes[i] = i;
        var worst = Tensor.Allocate(dims, y.DType, y.Device);
        y.Backend.Reduce(kernel, y, axes, worst, 0);
        return worst.Item();
    }

    private sealed class Region : IDisposable
    {
        private int _open = 1;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _open, 0) == 1) Interlocked.Decrement(ref s_regions);
        }
    }
}
