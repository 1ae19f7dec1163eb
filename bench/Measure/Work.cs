namespace Edifice.Bench.Measure;

/// <summary>What a call must do at least, whoever does it.</summary>
/// <param name="Flops">Floating-point operations, a fused multiply-add counted as two.</param>
/// <param name="Bytes">Bytes read and written, each operand once.</param>
/// <param name="Double">In double precision.</param>
internal readonly record struct Work(double Flops, double Bytes = 0, bool Double = false)
{
    public static Work None => default;

    /// <summary>Bytes of weights, read from the caches once more.</summary>
    public double Weights { get; private init; }

    /// <summary>Reading weights alone.</summary>
    public static Work Reading(double bytes) => new(0) { Weights = bytes };

    /// <summary>Memory traffic alone.</summary>
    public static Work Traffic(double bytes) => new(0, bytes);
}
