using Edifice.Engine.Tests.Ops;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests.Laws;

/// <summary>The card beside the CPU on tensors of any shape, in any memory.</summary>
public class StridedTests
{
    [Property(MaxTest = 30, Arbitrary = [typeof(TensorGenerators)])]
    public void Copies_and_functions_of_one_argument_read_any_strides(TensorCase x)
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64 })
        {
            Agree(x, dtype, t => t.Clone(), 0);
            Agree(x, dtype, t => t.Abs(), 0);
            Agree(x, dtype, t => t.Tanh(), 1e-6);
        }
    }

    [Property(MaxTest = 20, Arbitrary = [typeof(TensorGenerators)])]
    public void Conversions_round_as_on_the_cpu(TensorCase x)
    {
        foreach (var dtype in new[] { DType.BFloat16, DType.Float16, DType.Int32, DType.Int64, DType.Bool, DType.Float64 })
            Agree(x, DType.Float32, t => t.To(dtype), 0);
    }

    [Property(MaxTest = 30, Arbitrary = [typeof(TensorGenerators)])]
    public void Functions_of_two_arguments_broadcast(BroadcastCase pair)
    {
        foreach (var dtype in new[] { DType.Float32, DType.Int64 })
        {
            Agree(pair.A, pair.B, dtype, (a, b) => a + b, 0);
            Agree(pair.A, pair.B, dtype, (a, b) => a.Maximum(b), 0);
            Agree(pair.A, pair.B, dtype, (a, b) => a < b, 0);
        }
    }

    [Property(MaxTest = 30, Arbitrary = [typeof(TensorGenerators)])]
    public void Reductions_read_any_strides(TensorCase x, int seed)
    {
        if (x.Dims.Length == 0 || x.Count == 0) return;
        var axis = (int)((uint)seed % x.Dims.Length);
        foreach (var dtype in new[] { DType.Float32, DType.Float64 })
        {
            Agree(x, dtype, t => t.Sum(axis), 1e-6);
            Agree(x, dtype, t => t.Sum(), 1e-6);
            Agree(x, dtype, t => t.Max([axis]), 0);
            Agree(x, dtype, t => t.ArgMax(axis), 0);
            Agree(x, dtype, t => t.CumSum(axis), 1e-5);
            Agree(x, dtype, t => t.LogSumExp([axis]), 1e-6);
            Agree(x, dtype, t => t.Softmax(axis), 1e-6);
        }
    }

    [Property(MaxTest = 20, Arbitrary = [typeof(TensorGenerators)])]
    public void Sorting_is_stable_in_any_memory(TensorCase x, int seed)
    {
        if (x.Dims.Length == 0 || x.Count == 0) return;
        var axis = (int)((uint)seed % x.Dims.Length);
        Agree(x, DType.Float32, t => t.Sort(axis).Values, 0);
        Agree(x, DType.Int32, t => t.Sort(axis, descending: true).Indices, 0);
    }

    [Fact]
    public void Matrix_products_read_any_strides()
    {
        Prop.ForAll(Arb.From(Products()), p =>
        {
            foreach (var (dtype, tolerance) in new[] { (DType.Float32, 1e-5), (DType.Float64, 1e-13) })
                Agree(p.A, p.B, dtype, (a, b) => a.MatMul(b), tolerance);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    private static Gen<(TensorCase A, TensorCase B)> Products() =>
        from batch in ShapeGenerators.OfRank(0, 3)
        let leading = batch.AsSpan().ToArray().Select(d => Math.Min(d, 4)).ToArray()
        from m in Gen.Choose(1, 9)
        from k in Gen.Choose(0, 9)
        from n in Gen.Choose(1, 9)
        from shared in Gen.Elements(true, false)
        from a in TensorGenerators.Strided([.. leading, m, k])
        from b in TensorGenerators.Strided(shared ? [k, n] : [.. leading, k, n])
        select (a, b);

    private static void Agree(TensorCase x, DType dtype, Func<Tensor, Tensor> op, double tolerance) =>
        Near(op(x.Build(dtype)), op(x.Build(dtype, TestCard.Device)), tolerance, x.ToString());

    private static void Agree(TensorCase a, TensorCase b, DType dtype, Func<Tensor, Tensor, Tensor> op, double tolerance) =>
        Near(op(a.Build(dtype), b.Build(dtype)), op(a.Build(dtype, TestCard.Device), b.Build(dtype, TestCard.Device)), tolerance, $"{a}; {b}");

    private static void Near(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Assert.Equal(TestCard.Device, actual.Device);
        Assert.Equal(expected.DType, actual.DType);
        Assert.Equal(expected.Shape, actual.Shape);
        OpSamples.AssertClose([("result", OpSamples.Numbers(expected))], [("result", OpSamples.Numbers(actual))], tolerance, what);
    }
}
