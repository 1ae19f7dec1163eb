namespace Edifice.Engine.Backends;

/// <summary>Distributions drawn from Philox 4x32-10 counters.</summary>
public enum RandomKernel
{
    /// <summary>Uniform on [p0, p1): p0 + (p1 - p0) u formed in double, rounded to the dtype, at most the number below p1.</summary>
    Uniform,
    /// <summary>Normal with mean p0 and standard deviation p1 (Box–Muller).</summary>
    Normal,
}

public partial interface IBackend
{
    /// <summary>Fills a contiguous f32/f64 tensor. Element i depends only on (seed, offset + i) as
    /// <see cref="Philox"/> defines, so every backend draws the same numbers.</summary>
    void Random(RandomKernel kernel, ulong seed, ulong offset, double p0, double p1, Tensor y);

    /// <summary>y = x / (1 - p) where the element's uniform number (53 bits for both dtypes) is ≥ p, else 0. The same call
    /// with the same counters is its own backward pass. Contiguous f32/f64.</summary>
    void Dropout(Tensor x, double p, ulong seed, ulong offset, Tensor y);
}
