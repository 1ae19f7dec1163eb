namespace Edifice.Engine.Backends;

/// <summary>Reductions; N is the number of reduced entries.</summary>
public enum ReduceKernel
{
    /// <summary>Σ x; 0 for N = 0. f32/f64/i32/i64.</summary>
    Sum,
    /// <summary>Σ x / N; NaN for N = 0.</summary>
    Mean,
    /// <summary>Σ (x - mean)² / max(0, N - p), two passes or Welford; NaN for N ≤ p.</summary>
    Variance,
    /// <summary>Largest; NaN if there is one. Also integers.</summary>
    Max,
    /// <summary>Smallest; NaN if there is one. Also integers.</summary>
    Min,
    /// <summary>Π x; 1 for N = 0.</summary>
    Prod,
    /// <summary>m + ln Σ e^(x-m); -inf for N = 0.</summary>
    LogSumExp,
    /// <summary>Σ |x|.</summary>
    Norm1,
    /// <summary>√Σ x²; f32 accumulates in double so that 1e30 does not overflow.</summary>
    Norm2,
    /// <summary>max |x|.</summary>
    NormInf,
    /// <summary>Some entry is not zero (input and output bool); false for N = 0.</summary>
    Any,
    /// <summary>Every entry is not zero (input and output bool); true for N = 0.</summary>
    All,
}

/// <summary>Inclusive scans along an axis.</summary>
public enum ScanKernel
{
    /// <summary>Running sum.</summary>
    Sum,
    /// <summary>Running product.</summary>
    Prod,
    /// <summary>Running log Σ exp, with running maximum.</summary>
    LogSumExp,
}

public partial interface IBackend
{
    /// <summary>Reduces x over the given axes (ascending, distinct, non-negative) into the contiguous y, whose shape is
    /// x's with 1 at those axes. Sums run in a fixed tree: f32 in lanes of pairwise partial sums (error about ε log N
    /// relative to Σ|x|), f64 likewise.</summary>
    void Reduce(ReduceKernel kernel, Tensor x, ReadOnlySpan<int> axes, Tensor y, double p);

    /// <summary>First index of the extreme along an axis, into the contiguous int64 y (x's shape with 1 there); NaN
    /// counts as the extreme. f32, f64, i32, i64.</summary>
    void ArgReduce(bool max, Tensor x, int axis, Tensor y);

    /// <summary>y = scan of x along an axis; x any strides, y contiguous. <paramref name="exclusive"/> (Sum only) leaves
    /// out the entry itself.</summary>
    void Scan(ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive, Tensor y);

    /// <summary>Stable sort along an axis: NaN above +inf, -0 = +0, both directions stable. values as x, indices int64,
    /// both contiguous. f32, f64, i32, i64.</summary>
    void Sort(Tensor x, int axis, bool descending, Tensor values, Tensor indices);
}
