using Edifice.Engine.Backends;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class ScanTests
{
    private static Tensor Run(ScanKernel kernel, Tensor x, int axis, bool reverse = false, bool exclusive = false)
    {
        var y = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
        CpuBackend.Instance.Scan(kernel, x, axis, reverse, exclusive, y);
        return y;
    }

    private static double[] Model(ScanKernel kernel, double[] line, bool reverse, bool exclusive)
    {
        var y = new double[line.Length];
        double running = kernel == ScanKernel.Prod ? 1 : 0, max = double.NegativeInfinity, lost = 0;
        var seen = new List<double>();
        for (var i = 0; i < line.Length; i++)
        {
            var at = reverse ? line.Length - 1 - i : i;
            var entry = line[at];
            seen.Add(entry);
            switch (kernel)
            {
                case ScanKernel.Sum:
                    if (exclusive) y[at] = running + lost;
                    var next = running + entry;
                    lost += Math.Abs(running) >= Math.Abs(entry) ? running - next + entry : entry - next + running;
                    running = next;
                    if (!exclusive) y[at] = running + lost;
                    break;
                case ScanKernel.Prod:
                    y[at] = running *= entry;
                    break;
                default:
                    max = Math.Max(max, entry);
                    y[at] = double.IsInfinity(max) ? max : max + Math.Log(seen.Sum(v => Math.Exp(v - max)));
                    break;
            }
        }

        return y;
    }

    private static string? Complaint<T>(ScanKernel kernel, TensorCase view, int choice, bool reverse, bool exclusive, double epsilon, Func<Random, T> value)
        where T : unmanaged
    {
        if (view.Dims.Length == 0) return null;
        var axis = (choice & int.MaxValue) % view.Dims.Length;
        exclusive &= kernel == ScanKernel.Sum;
        var x = view.Build(value);
        double[] entries = Elements.AsDouble(x), y = Elements.AsDouble(Run(kernel, x, axis, reverse, exclusive));
        foreach (var line in Elements.Lines(x.Shape, axis))
        {
            var terms = line.Select(i => entries[i]).ToArray();
            var exact = Model(kernel, terms, reverse, exclusive);
            var scale = kernel == ScanKernel.Sum ? terms.Sum(Math.Abs) : 1;
            for (var i = 0; i < line.Length; i++)
            {
                var error = Math.Abs(y[line[i]] - exact[i]);
                // Rounded once to the dtype; the running value itself is a double.
                var allowed = epsilon * Math.Abs(exact[i]) + 1e-15 * (1 + terms.Length) * (scale + Math.Abs(exact[i]));
                if (!y[line[i]].Equals(exact[i]) && !(error <= allowed))
                    return $"{kernel} {typeof(T).Name} {x.Shape} along {axis}: entry {i} is {y[line[i]]:R}, the model says {exact[i]:R}";
            }
        }

        return null;
    }

    [Property(Arbitrary = [typeof(TensorGenerators)], MaxTest = 200)]
    public Property Scans_agree_with_the_naive_model_along_any_axis_of_any_view(TensorCase view, int axis, bool reverse, bool exclusive)
    {
        var single = Math.Pow(2, -24);
        return Law.Holds(
            Complaint(ScanKernel.Sum, view, axis, reverse, exclusive, single, Elements.Uneven<float>) ??
            Complaint(ScanKernel.Sum, view, axis, reverse, exclusive, 0, Elements.Uneven<double>) ??
            Complaint(ScanKernel.Sum, view, axis, reverse, exclusive, 0, r => r.Next(-100, 100)) ??
            Complaint(ScanKernel.Sum, view, axis, reverse, exclusive, 0, r => (long)r.Next()) ??
            Complaint(ScanKernel.Prod, view, axis, reverse, false, single, r => 0.9f + 0.2f * r.NextSingle()) ??
            Complaint(ScanKernel.Prod, view, axis, reverse, false, 0, r => 0.9 + 0.2 * r.NextDouble()) ??
            Complaint(ScanKernel.Prod, view, axis, reverse, false, 0, r => (long)(1 - 2 * r.Next(2))) ??
            Complaint(ScanKernel.LogSumExp, view, axis, reverse, false, single, r => 50 * (r.NextSingle() - 0.5f)) ??
            Complaint(ScanKernel.LogSumExp, view, axis, reverse, false, 0, r => 50 * (r.NextDouble() - 0.5)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LogSumExp_scans_start_at_minus_infinity_and_never_overflow(bool byColumns)
    {
        const double Inf = double.PositiveInfinity;
        double[] line = [-Inf, -Inf, 3000, 2999, -Inf, -3000, Inf, 1], expected =
            [-Inf, -Inf, 3000, 3000 + Math.Log(1 + Math.Exp(-1)), 3000 + Math.Log(1 + Math.Exp(-1)), 3000 + Math.Log(1 + Math.Exp(-1)), Inf, Inf];
        var x = byColumns ? Tensor.FromArray(line, [8, 1]).Expand(8, 11) : Tensor.FromArray(line);
        var y = Elements.Of<double>(Run(ScanKernel.LogSumExp, x, 0));
        for (var i = 0; i < y.Length; i++) Assert.Equal(expected[byColumns ? i / 11 : i], y[i], 1e-12);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Long_scans_carry_their_state_from_piece_to_piece(bool byColumns)
    {
        var view = TensorCase.Dense(byColumns ? [1000, 300] : [7, 20_000], 8);
        var axis = byColumns ? 0 : 1;
        Assert.Null(Complaint(ScanKernel.Sum, view, axis, true, true, Math.Pow(2, -24), Elements.Uneven<float>));
        Assert.Null(Complaint(ScanKernel.Sum, view, axis, false, false, 0, Elements.Uneven<double>));
        Assert.Null(Complaint(ScanKernel.LogSumExp, view with { Dims = byColumns ? [300, 40] : [11, 500] }, axis, true, false, 0, r => 9 * r.NextDouble()));
    }

    [Property(MaxTest = 60)]
    public bool A_line_among_others_has_the_bits_it_has_alone(byte others, byte length, int seed, bool reverse, bool exclusive, bool wide)
    {
        int m = 2 + others % 60, n = 1 + length;
        var random = new Random(seed);
        var values = Enumerable.Range(0, n * m).Select(_ => Elements.Uneven<float>(random)).ToArray();
        var (all, line) = (Tensor.FromArray(values, [m, n]), random.Next(m));
        var alone = Tensor.FromArray(values[(line * n)..((line + 1) * n)]);
        if (wide) (all, alone) = (all.To(DType.Float64), alone.To(DType.Float64));
        foreach (var kernel in new[] { ScanKernel.Sum, ScanKernel.Prod })
        {
            var together = Elements.AsDouble(Run(kernel, all, 1, reverse, exclusive && kernel == ScanKernel.Sum)).AsSpan(line * n, n);
            if (!together.SequenceEqual(Elements.AsDouble(Run(kernel, alone, 0, reverse, exclusive && kernel == ScanKernel.Sum)))) return false;
        }

        return true;
    }
}
