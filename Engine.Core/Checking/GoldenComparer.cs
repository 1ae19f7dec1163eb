using System.Globalization;

namespace Edifice.Engine.Checking;

/// <summary>A value beside the golden one.</summary>
/// <param name="Tensor">The tensor's full name.</param>
/// <param name="Element">Where in it.</param>
/// <param name="Actual">What was computed.</param>
/// <param name="Golden">What is right.</param>
/// <param name="Tolerance">The difference allowed.</param>
public sealed record GoldenDifference(string Tensor, string Element, double Actual, double Golden, double Tolerance)
{
    /// <summary>|actual - golden|; equal values, infinities included, differ by 0.</summary>
    public double Error => Actual == Golden ? 0 : Math.Abs(Actual - Golden);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Tensor}{Element}: {Actual:G17}, golden {Golden:G17}, difference {Error:G3}, allowed {Tolerance:G3}");
}

/// <summary>The outcome of a golden case.</summary>
/// <param name="Case">The file's name.</param>
/// <param name="DType">The dtype of the run.</param>
/// <param name="Failures">One line per tensor that does not agree; empty when all do.</param>
/// <param name="Worst">The value closest to its tolerance or furthest beyond; null when nothing was compared.</param>
/// <param name="Compared">How many values were compared.</param>
public sealed record GoldenVerdict(string Case, DType DType, IReadOnlyList<string> Failures, GoldenDifference? Worst, long Compared)
{
    /// <summary>True when every value agrees.</summary>
    public bool Agrees => Failures.Count == 0;

    /// <summary>The outcome as text.</summary>
    public string Report => Agrees
        ? $"{Case} ({DType}): agrees in {Compared} values{(Worst is null ? "" : $"; closest: {Worst}")}"
        : $"{Case} ({DType}): differs\n  {string.Join("\n  ", Failures)}";
}

/// <summary>Compares the tensors of a run with golden ones and collects the verdict.</summary>
/// <remarks>Equal values agree first of all (-inf is a legal value of a log-sum-exp). Shapes must be equal
/// but for axes of extent 1: files hold a scalar as [1].</remarks>
public sealed class GoldenComparer(string name, DType dtype)
{
    private readonly List<string> _failures = [];
    private GoldenDifference? _worst;
    private double _excess = -1;
    private long _compared;
    private int _tensors;

    /// <summary>Compares one tensor; <paramref name="actual"/> null stands for zeros (a gradient that nothing depends on).</summary>
    public void Compare(string tensor, Tensor? actual, Tensor golden, GoldenTolerance tolerance)
    {
        ArgumentNullException.ThrowIfNull(golden);
        _tensors++;
        if (actual is not null && !Extents(actual).SequenceEqual(Extents(golden)))
        {
            _failures.Add($"{tensor}: has the shape {actual.Shape}, golden {golden.Shape}");
            return;
        }

        var b = Doubles(golden);
        var a = actual is null ? new double[b.Length] : Doubles(actual);
        var largest = 0.0;
        foreach (var v in b)
            if (double.IsFinite(v)) largest = Math.Max(largest, Math.Abs(v));
        double worst = -1;
        var (at, beyond) = (-1, 0);
        for (var i = 0; i < b.Length; i++)
        {
            var excess = Excess(a[i], b[i], tolerance, largest);
            if (excess > 1) beyond++;
            if (excess <= worst) continue;
            (worst, at) = (excess, i);
        }

        _compared += b.Length;
        if (at < 0) return;
        var difference = new GoldenDifference(tensor, GradCheckLevel.Place(golden.Shape, at), a[at], b[at], tolerance.At(b[at], largest));
        if (beyond > 0) _failures.Add($"{difference}{(beyond > 1 ? $" ({beyond} of {b.Length} values)" : "")}");
        if (worst > _excess) (_excess, _worst) = (worst, difference);
    }

    /// <summary>Compares parameters after a float32 training run, all together: √Σ(actual - golden)² ≤ share · √Σ(golden - initial)².
    /// Single entries say nothing there: an optimizer that divides a gradient by its own size moves an entry whose gradient is rounding
    /// by a whole step.</summary>
    public void Movement(IEnumerable<(Tensor Actual, Tensor Golden, Tensor Initial)> parameters, double share = 0.02)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _tensors++;
        double apart = 0, moved = 0;
        foreach (var (actual, golden, initial) in parameters)
        {
            double[] a = Doubles(actual), b = Doubles(golden), c = Doubles(initial);
            for (var i = 0; i < b.Length; i++)
            {
                apart += (a[i] - b[i]) * (a[i] - b[i]);
                moved += (b[i] - c[i]) * (b[i] - c[i]);
            }

            _compared += b.Length;
        }

        var difference = new GoldenDifference("final parameters together", "", Math.Sqrt(apart), 0, share * Math.Sqrt(moved));
        var excess = difference.Error / difference.Tolerance;
        if (!(excess <= 1) && difference.Error != 0) _failures.Add(difference.ToString());
        if (excess > _excess) (_excess, _worst) = (excess, difference);
    }

    /// <summary>Records that something could not be compared.</summary>
    public void Fail(string problem) => _failures.Add(problem);

    /// <summary>The outcome so far.</summary>
    public GoldenVerdict Verdict() =>
        new(name, dtype, _tensors == 0 && _failures.Count == 0 ? ["nothing was compared"] : _failures, _worst, _compared);

    private static double Excess(double actual, double golden, GoldenTolerance tolerance, double largest)
    {
        if (actual == golden || (tolerance.NaNAgrees && double.IsNaN(actual) && double.IsNaN(golden))) return 0;
        var excess = Math.Abs(actual - golden) / tolerance.At(golden, largest);
        // NaN on one side, infinities on both, or an allowance of 0.
        return double.IsNaN(excess) ? double.PositiveInfinity : excess;
    }

    private static IEnumerable<int> Extents(Tensor x) => x.Shape.AsSpan().ToArray().Where(d => d != 1);

    private static double[] Doubles(Tensor x)
    {
        using var off = Autograd.GradMode.Off();
        using var memory = Tensor.Scope();
        return x.To(Device.Cpu).To(DType.Float64).ToArray<double>();
    }
}
