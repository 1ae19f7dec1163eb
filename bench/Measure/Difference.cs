using Edifice.Bench.Libtorch;
using Edifice.Engine;

namespace Edifice.Bench.Measure;

/// <summary>How far results of this engine are from libtorch's.</summary>
/// <param name="Relative">The largest difference as a share of the largest magnitude of libtorch's result.</param>
/// <param name="Tolerance">What it may be.</param>
internal sealed record Difference(double Relative, double Tolerance)
{
    public bool Agrees => Relative <= Tolerance;

    /// <summary>Of which result, where several were compared.</summary>
    public string At { get; init; } = "";

    /// <summary>Compares two tensors of one shape; a NaN on either side is a difference of infinity.</summary>
    /// <param name="ours">This engine's.</param>
    /// <param name="theirs">libtorch's.</param>
    /// <param name="tolerance">What the difference may be.</param>
    /// <param name="floor">Added to the largest magnitude, for results that are rounding alone.</param>
    public static Difference Of(Tensor ours, TorchSharp.torch.Tensor theirs, double tolerance = 1e-5, double floor = 0)
    {
        if (!Twins.Sizes(ours.Shape).SequenceEqual(theirs.shape))
            throw new InvalidOperationException($"results of different shape: {ours.Shape} and [{string.Join(", ", theirs.shape)}]");
        using var scope = Tensor.Scope();
        using var disposed = TorchSharp.torch.NewDisposeScope();
        var mine = ours.Detach().To(DType.Float64).ToArray<double>();
        var other = theirs.detach().to(TorchSharp.torch.ScalarType.Float64).contiguous().data<double>().ToArray();
        double largest = 0, scale = 0;
        for (var i = 0; i < mine.Length; i++)
        {
            var d = Math.Abs(mine[i] - other[i]);
            largest = double.IsNaN(d) ? double.PositiveInfinity : Math.Max(largest, d);
            scale = Math.Max(scale, Math.Abs(other[i]));
        }

        return new Difference(largest == 0 ? 0 : largest / (scale + floor), tolerance);
    }

    /// <summary>The worse of two.</summary>
    public static Difference operator |(Difference a, Difference b) => a.Relative / a.Tolerance >= b.Relative / b.Tolerance ? a : b;
}
