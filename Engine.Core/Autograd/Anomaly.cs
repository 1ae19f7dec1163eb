namespace Edifice.Engine.Autograd;

/// <summary>Anomaly mode: the first op whose result, or whose gradient, is not finite is named in an exception.</summary>
/// <remarks>Every result is read once more, so this is for finding a fault, not for production runs.</remarks>
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

    internal static Tensor?[] Pull(Node node, Tensor?[] cotangents)
    {
        var outer = s_inRule;
        s_inRule = true;
        try
        {
            return node.Pull(cotangents);
        }
        finally
        {
            s_inRule = outer;
        }
    }

    internal static void CheckForward(string op, Tensor y)
    {
        if (!IsOn || s_inRule || IsFinite(y)) return;
        throw new AutogradException($"{op}: the forward pass made a NaN or an infinity in its result ({y.Describe()})");
    }

    internal static void CheckBackward(string op, int input, Tensor gradient)
    {
        if (!IsOn || IsFinite(gradient)) return;
        throw new AutogradException(
            $"{op}: the backward pass made a NaN or an infinity in the gradient of input {input} ({gradient.Describe()})");
    }

    private static bool IsFinite(Tensor y)
    {
        if (!y.DType.IsComputeFloat() || y.Count == 0) return true;
        using var off = GradMode.Off();
        using var scope = Tensor.Scope();
        // NormInf is NaN or infinite exactly when some element is.
        var dims = new int[y.Rank];
        Array.Fill(dims, 1);
        var axes = new int[y.Rank];
        for (var i = 0; i < axes.Length; i++) axes[i] = i;
        var worst = Tensor.Allocate(dims, y.DType, y.Device);
        y.Backend.Reduce(Backends.ReduceKernel.NormInf, y, axes, worst, 0);
        return double.IsFinite(worst.Item());
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
