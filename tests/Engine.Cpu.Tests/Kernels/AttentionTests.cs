using System.Numerics;
using System.Text.Json;
using Edifice.Engine.Backends;
using Edifice.Engine.Serialization;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class AttentionTests
{
    [Property(Arbitrary = [typeof(AttentionCases)], MaxTest = 300)]
    public void Attention_and_its_gradients_are_those_of_the_equations_in_double(AttentionCase c) => CompareWithEquations<double>(c, 1e-12);

    [Property(Arbitrary = [typeof(AttentionCases)], MaxTest = 200)]
    public void Attention_and_its_gradients_are_those_of_the_equations_in_float(AttentionCase c) => CompareWithEquations<float>(c, 1e-5);

    [Fact]
    public void Several_tiles_of_keys_and_blocks_of_rows_fit_together()
    {
        CompareWithEquations<float>(new AttentionCase(1, 450, 450, 1, 1, 16, 16, true, 0, false, 0, false, false, 1), 1e-5);
        CompareWithEquations<double>(new AttentionCase(1, 300, 700, 1, 2, 8, 8, true, 200, true, 400, true, true, 2), 1e-12);
        CompareWithEquations<double>(new AttentionCase(1, 1, 1000, 2, 4, 8, 16, true, 0, false, 999, false, false, 3), 1e-12);
        CompareWithEquations<float>(new AttentionCase(2, 5, 600, 1, 3, 8, 16, false, 0, false, 0, true, false, 4), 1e-5);
    }

    [Fact]
    public void Gradients_of_rows_whose_weight_lies_on_one_key_are_within_the_rounding_of_what_cancels_there() =>
        CompareWithEquations<float>(new AttentionCase(1, 15, 127, 4, 2, 4, 5, false, 0, false, 112, false, false, 1759126485), 1e-5);

    [Theory]
    [InlineData(255, 257)]
    [InlineData(256, 256)]
    [InlineData(257, 255)]
    [InlineData(144, 512)]
    [InlineData(145, 513)]
    public void Lengths_around_the_borders_of_tiles_are_those_of_the_equations(int queries, int keys)
    {
        CompareWithEquations<float>(new AttentionCase(1, queries, keys, 1, 1, 16, 17, true, 0, false, keys - queries, false, false, 11), 1e-5);
        CompareWithEquations<double>(new AttentionCase(1, queries, keys, 1, 2, 9, 8, false, 0, true, 0, true, false, 12), 1e-12);
    }

    [Fact]
    public void Weights_down_to_the_smallest_number_are_right()
    {
        // One key has score 0, one every value from 0 to -110: the output is the weight of the second.
        var c = new AttentionCase(1, 1101, 2, 1, 1, 1, 1, false, 0, false, 0, false, false, 0);
        var run = AttentionRun<float>.Random(c);
        run.Spec = c.Spec with { Scale = 1 };
        run.Q = Strided.Copy<float>(run.Q);
        run.K = Strided.Copy<float>(run.K);
        run.V = Strided.Copy<float>(run.V);
        for (var i = 0; i <= 1100; i++) run.Q.AsSpan<float>()[i] = -0.1f * i;
        (run.K.AsSpan<float>()[0], run.K.AsSpan<float>()[1]) = (0, 1);
        (run.V.AsSpan<float>()[0], run.V.AsSpan<float>()[1]) = (0, 1);
        run.Forward();
        for (var i = 0; i <= 1100; i++)
        {
            double s = run.Q.AsSpan<float>()[i], weight = Math.Exp(s) / (1 + Math.Exp(s));
            // The bound that is stated for weights, the sum and the quotient, and the spacing of subnormal numbers.
            var bound = (5 + 2 * Math.Abs(s)) * Math.ScaleB(1, -24) * weight + Math.ScaleB(1, -149);
            Assert.True(Math.Abs(run.Output.AsSpan<float>()[i] - weight) <= bound, $"weight of {s}: {run.Output.AsSpan<float>()[i]} for {weight}");
        }
    }

    private static void CompareWithEquations<T>(AttentionCase c, double tolerance) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var withLogSumExp = c.Seed % 3 > 0;
        var run = AttentionRun<T>.Random(c).Forward().Backward(withLogSumExp);
        var expected = NaiveAttention.Of(run, withLogSumExp);
        var largest = expected.QueryGradient.Concat(expected.KeyGradient).Concat(expected.ValueGradient).Select(Math.Abs).DefaultIfEmpty().Max();
        Agree("out", run.Output, expected.Output, 0);
        Agree("lse", run.LogSumExp, expected.LogSumExp, 0);
        Agree("dq", run.QueryGradient, expected.QueryGradient, Math.Max(largest, expected.SlopeMagnitude));
        Agree("dk", run.KeyGradient, expected.KeyGradient, Math.Max(largest, expected.SlopeMagnitude));
        Agree("dv", run.ValueGradient, expected.ValueGradient, largest);

        void Agree(string what, Tensor got, double[] wanted, double scale)
        {
            scale = wanted.Where(double.IsFinite).Select(Math.Abs).Append(1).Append(scale).Max();
            var all = got.AsSpan<T>();
            Assert.Equal(wanted.Length, all.Length);
            for (var i = 0; i < wanted.Length; i++)
            {
                var x = double.CreateChecked(all[i]);
                Assert.True(x == wanted[i] || Math.Abs(x - wanted[i]) <= tolerance * scale, $"{what}[{i}] = {x} for {wanted[i]}");
            }
        }
    }

    [Property(Arbitrary = [typeof(AttentionCases)], MaxTest = 150)]
    public void A_query_alone_gives_the_bits_it_gives_among_others(AttentionCase c)
    {
        var all = AttentionRun<float>.Random(c).Forward();
        for (var i = 0; i < c.Queries; i += 1 + c.Queries / 7)
        {
            var alone = AttentionRun<float>.Random(c);
            alone.Spec = c.Spec with { QueryOffset = c.Offset + i };
            alone.Q = Row(alone.Q, i);
            if (alone.QuerySegments is not null) alone.QuerySegments = Row(alone.QuerySegments, i);
            alone.Output = Strided.Empty<float>(c.Batch, 1, c.Heads, c.ValueWidth);
            alone.LogSumExp = Strided.Empty<float>(c.Batch, 1, c.Heads);
            alone.Forward();
            Assert.Equal(Strided.Bits<float>(Row(all.Output, i)), Strided.Bits<float>(alone.Output));
            Assert.Equal(Strided.Bits<float>(Row(all.LogSumExp, i)), Strided.Bits<float>(alone.LogSumExp));
        }
    }

    private static Tensor Row(Tensor t, int position)
    {
        int[] dims = [.. t.Layout.Dims];
        dims[1] = 1;
        return new Tensor(t.Storage, new Layout(dims, [.. t.Layout.Strides]), t.Offset + position * t.Strides[1], t.DType, retain: true);
    }

    [Property(Arbitrary = [typeof(AttentionCases)], MaxTest = 150)]
    public void Keys_and_values_that_a_query_must_not_see_do_not_reach_it_not_even_as_NaN(AttentionCase c)
    {
        c = c with { Causal = true };
        var clean = AttentionRun<float>.Random(c).Forward();
        var future = c.Keys / 2;
        var dirty = AttentionRun<float>.Random(c);
        dirty.K = Strided.Copy<float>(dirty.K);
        dirty.V = Strided.Copy<float>(dirty.V);
        foreach (var t in new[] { dirty.K, dirty.V })
            foreach (var index in Strided.Indices(t.Layout.Dims))
                if (index[1] >= future || (dirty.Mask is not null && !Strided.At<bool>(dirty.Mask, index[0], index[1])))
                    Strided.At<float>(t, index) = index[1] % 3 switch { 0 => float.NaN, 1 => float.PositiveInfinity, _ => -1e30f };
        dirty.Forward();
        for (var i = 0; i < c.Queries && i + c.Offset < future; i++)
        {
            Assert.Equal(Strided.Bits<float>(Row(clean.Output, i)), Strided.Bits<float>(Row(dirty.Output, i)));
            Assert.Equal(Strided.Bits<float>(Row(clean.LogSumExp, i)), Strided.Bits<float>(Row(dirty.LogSumExp, i)));
        }
    }

    [Property(Arbitrary = [typeof(AttentionCases)], MaxTest = 100)]
    public void Rows_that_see_nothing_give_zero_and_no_gradient_whatever_they_hold(AttentionCase c)
    {
        // Negative positions see no key.
        c = c with { Causal = true, Offset = -1 - c.Queries / 2 };
        var clean = AttentionRun<double>.Random(c).Forward().Backward();
        var dirty = AttentionRun<double>.Random(c);
        dirty.Q = Strided.Copy<double>(dirty.Q);
        foreach (var t in new[] { dirty.Q, dirty.OutputCotangent, dirty.LogSumExpCotangent })
            foreach (var index in Strided.Indices(t.Layout.Dims))
                if (index[1] + c.Offset < 0) Strided.At<double>(t, index) = double.NaN;
        dirty.Forward().Backward();

        for (var i = 0; i < c.Queries && i + c.Offset < 0; i++)
        {
            Assert.All(Strided.Bits<double>(Row(dirty.Output, i)), bits => Assert.Equal(0, bits));
            Assert.All(Strided.Bits<double>(Row(dirty.QueryGradient, i)), bits => Assert.Equal(0, bits));
            Assert.All(Strided.Bits<double>(Row(dirty.LogSumExp, i)), bits => Assert.Equal(Strided.Bits(double.NegativeInfinity), bits));
        }

        Assert.Equal(Strided.Bits<double>(clean.Output), Strided.Bits<double>(dirty.Output));
        Assert.Equal(Strided.Bits<double>(clean.QueryGradient), Strided.Bits<double>(dirty.QueryGradient));
        Assert.Equal(Strided.Bits<double>(clean.KeyGradient), Strided.Bits<double>(dirty.KeyGradient));
        Assert.Equal(Strided.Bits<double>(clean.ValueGradient), Strided.Bits<double>(dirty.ValueGradient));
    }

    [Fact]
    public void A_not_finite_value_reaches_every_query_that_sees_it()
    {
        var c = new AttentionCase(1, 40, 40, 1, 1, 8, 8, true, 0, false, 0, false, false, 5);
        var run = AttentionRun<float>.Random(c);
        run.V = Strided.Copy<float>(run.V);
        Strided.At<float>(run.V, 0, 17, 0, 3) = float.NaN;
        run.Forward();
        for (var i = 0; i < 40; i++)
        for (var x = 0; x < 8; x++)
            Assert.Equal(i >= 17 && x == 3, float.IsNaN(Strided.At<float>(run.Output, 0, i, 0, x)));
    }

    [Fact]
    public void A_NaN_score_makes_its_row_NaN_and_no_other()
    {
        var c = new AttentionCase(1, 40, 40, 1, 1, 8, 8, false, 0, false, 0, false, false, 5);
        var run = AttentionRun<float>.Random(c);
        run.Q = Strided.Copy<float>(run.Q);
        Strided.At<float>(run.Q, 0, 17, 0, 3) = float.NaN;
        run.Forward();
        for (var i = 0; i < 40; i++)
        {
            Assert.Equal(i == 17, float.IsNaN(Strided.At<float>(run.Output, 0, i, 0, 0)));
            Assert.Equal(i == 17, float.IsNaN(Strided.At<float>(run.LogSumExp, 0, i, 0)));
        }
    }

    [Fact]
    public void Large_scores_do_not_overflow()
    {
        var c = new AttentionCase(1, 3, 200, 1, 1, 1, 1, false, 0, false, 0, false, false, 0);
        var run = AttentionRun<float>.Random(c);
        run.Spec = c.Spec with { Scale = 1 };
        run.Q = Strided.Copy<float>(run.Q);
        run.K = Strided.Copy<float>(run.K);
        run.V = Strided.Copy<float>(run.V);
        run.Q.AsSpan<float>().Fill(1);
        run.K.AsSpan<float>().Fill(1000);
        run.K.AsSpan<float>()[150] = 8000;
        run.K.AsSpan<float>()[3] = 7999;
        run.Forward();
        var (a, b) = (1 / (1 + MathF.Exp(-1)), 1 / (1 + MathF.E));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(a * run.V.AsSpan<float>()[150] + b * run.V.AsSpan<float>()[3], run.Output.AsSpan<float>()[i], 1e-5f);
            Assert.Equal(8000.3133f, run.LogSumExp.AsSpan<float>()[i]);
        }
    }

    public static TheoryData<string> GoldenFiles => [.. RepositoryFiles.GoldenNames("op-sdpa-")];

    [Theory]
    [MemberData(nameof(GoldenFiles))]
    public void Golden_values_and_gradients_agree_in_double(string name) => CompareWithGolden<double>(name, (got, wanted, _, _) => Math.Abs(got - wanted) <= 1e-9 + 1e-8 * Math.Abs(wanted));

    [Theory]
    [MemberData(nameof(GoldenFiles))]
    public void Golden_values_and_gradients_agree_in_float(string name) =>
        CompareWithGolden<float>(name, (got, wanted, largest, gradient) => Math.Abs(got - wanted) <= (gradient > 0 ? 1e-3 * largest + 1e-6 * gradient : 1e-4 * largest));

    private static void CompareWithGolden<T>(string name, Func<double, double, double, double, bool> agree) where T : unmanaged, IFloatingPointIeee754<T>
    {
        using var file = SafetensorsFile.Open(RepositoryFiles.Golden(name));
        using var json = JsonDocument.Parse(file.Metadata["options"]);
        var o = json.RootElement;
        Tensor q = Read("in.q"), k = Read("in.k"), v = Read("in.v");
        var run = new AttentionRun<T>
        {
            Spec = new AttentionSpec(o.GetProperty("causal").GetBoolean(), Number("window_size") is { } w ? (int)w : 0, o.GetProperty("alibi").GetBoolean(),
                Number("scale") ?? 1 / Math.Sqrt(q.Layout.Dims[3]), (int)(Number("query_offset") ?? k.Layout.Dims[1] - q.Layout.Dims[1])),
            Q = q, K = k, V = v, Mask = file.Tensors.ContainsKey("in.key_mask") ? ReadMask() : null,
            Output = Strided.Empty<T>(file.Tensors["out.out"].Shape.AsSpan().ToArray()), LogSumExp = Strided.Empty<T>(file.Tensors["out.lse"].Shape.AsSpan().ToArray()),
            OutputCotangent = Read("cotangent.out"), LogSumExpCotangent = Read("cotangent.lse"),
            QueryGradient = Strided.Empty<T>(q.Layout.Dims), KeyGradient = Strided.Empty<T>(k.Layout.Dims), ValueGradient = Strided.Empty<T>(v.Layout.Dims),
        };
        run.Forward().Backward();
        var gradient = new[] { "grad.q", "grad.k", "grad.v" }.SelectMany(n => file.Read(n).ToArray<double>()).Max(Math.Abs);
        Compare("out.out", run.Output, 0);
        Compare("out.lse", run.LogSumExp, 0);
        Compare("grad.q", run.QueryGradient, gradient);
        Compare("grad.k", run.KeyGradient, gradient);
        Compare("grad.v", run.ValueGradient, gradient);

        double? Number(string option) => o.TryGetProperty(option, out var x) && x.ValueKind == JsonValueKind.Number ? x.GetDouble() : null;

        Tensor Read(string tensor)
        {
            using var stored = file.Read(tensor);
            var t = Strided.Empty<T>(stored.Layout.Dims);
            for (var i = 0; i < stored.Count; i++) t.AsSpan<T>()[i] = T.CreateChecked(stored.AsSpan<double>()[i]);
            return t;
        }

        Tensor ReadMask()
        {
            using var stored = file.Read("in.key_mask");
            var t = Tensor.Allocate(stored.Layout.Dims, DType.Bool, Device.Cpu);
            for (var i = 0; i < stored.Count; i++) t.AsSpan<bool>()[i] = stored.AsSpan<double>()[i] > 0.5;
            return t;
        }

        void Compare(string tensor, Tensor got, double largestGradient)
        {
            using var stored = file.Read(tensor);
            var wanted = stored.AsSpan<double>();
            var all = got.AsSpan<T>();
            Assert.Equal(wanted.Length, all.Length);
            var largest = wanted.ToArray().Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max();
            for (var i = 0; i < wanted.Length; i++)
            {
                var x = double.CreateChecked(all[i]);
                Assert.True(x == wanted[i] || agree(x, wanted[i], largest, largestGradient), $"{tensor}[{i}] = {x} for {wanted[i]}");
            }
        }
    }
}
