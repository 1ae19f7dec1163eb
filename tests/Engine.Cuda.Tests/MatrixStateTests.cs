using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class MatrixStateTests
{
    private const int HasInitial = 1, HasDelta = 2, HasFinalCotangent = 4, Keeps = 8;

    [Theory]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(2, 3, 2, 5, 3)]
    [InlineData(1, 16, 1, 32, 8)]
    [InlineData(1, 17, 2, 33, 9)]
    [InlineData(1, 33, 1, 64, 20)]
    [InlineData(1, 5, 1, 100, 70)]
    [InlineData(0, 5, 1, 3, 3)]
    public void States_of_any_shape_are_the_cpus_forward_and_backward(int batch, int length, int heads, int keyWidth, int valueWidth)
    {
        foreach (var type in KernelPair.Floats)
            foreach (var kind in Enum.GetValues<StateDecayKind>())
                for (var options = 0; options < 16; options += 5)
                    Agree(type, kind, options, batch, length, heads, keyWidth, valueWidth, options + (int)kind);
    }

    [Fact]
    public void The_widest_keys_fill_a_block()
    {
        foreach (var type in KernelPair.Floats) Agree(type, StateDecayKind.Gate, HasDelta | HasInitial, 1, 3, 1, 512, 3, 1);
    }

    [Fact]
    public void Wider_keys_are_refused_with_the_way_out()
    {
        var x = Tensor.Zeros([1, 1, 1, 513], DType.Float32, TestCard.Device);
        var error = Assert.Throws<TensorException>(() => BackendRegistry.For(TestCard.Device).MatrixState(
            new(StateDecayKind.None, null, 1), x, x, x, null, null, null, null, x, x, null));
        Assert.Contains("512", error.Message, StringComparison.Ordinal);
    }

    [Property(MaxTest = 12)]
    public void Random_states_are_the_cpus(byte batch, byte length, byte heads, byte keyWidth, byte valueWidth, int seed) =>
        Agree(DType.Float32, (StateDecayKind)(seed & 3), (seed >> 2) & 15, 1 + batch % 2, 1 + length % 40, 1 + heads % 2, 1 + keyWidth % 70, 1 + valueWidth % 70, seed);

    [Property(MaxTest = 8)]
    public void Rows_and_columns_beyond_the_widths_add_nothing_to_sums_whatever_values_are_infinite(byte keyWidth, byte valueWidth, int seed)
    {
        int dk = 1 + keyWidth % 40, dv = 1 + valueWidth % 12;
        int[] keys = [1, 5, 1, dk], values = [1, 5, 1, dv], state = [1, 1, dk, dv];
        Operand q = Operand.Normal(seed, 1, keys), k = Operand.Normal(seed + 1, 1, keys), v = Operand.Normal(seed + 2, 1, values).With((dv * 3, double.PositiveInfinity));
        KernelPair.Agree(DType.Float64, 64, 4, [q, k, v], [values, state],
            (b, i, r) => b.MatrixState(new(StateDecayKind.None, null, 1), i[0]!, i[1]!, i[2]!, null, null, null, null, r[0]!, r[1]!, null));
    }

    private static void Agree(DType type, StateDecayKind kind, int options, int batch, int length, int heads, int keyWidth, int valueWidth, int seed)
    {
        int[] keys = [batch, length, heads, keyWidth], values = [batch, length, heads, valueWidth], state = [batch, heads, keyWidth, valueWidth];
        // Kept sizes, so that products over keys do not grow with the width.
        var small = 1 / Math.Sqrt(keyWidth);
        Operand q = Operand.Normal(seed, 1, keys), k = Operand.Normal(seed + 1, small, keys), v = Operand.Normal(seed + 2, 1, values);
        Operand? decay = kind switch
        {
            StateDecayKind.Log => Operand.Uniform(seed + 3, -2, 0, keys),
            StateDecayKind.Gate => Operand.Uniform(seed + 3, 0, 1, keys),
            _ => null,
        };
        var delta = (options & HasDelta) != 0;
        Operand? a = delta ? Operand.Normal(seed + 4, small, keys) : null, b = delta ? Operand.Normal(seed + 5, small, keys) : null;
        var initial = (options & HasInitial) != 0 ? Operand.Normal(seed + 6, 1, state) : null;
        var factors = kind == StateDecayKind.PerHead ? Enumerable.Range(1, heads).Select(i => 1 - Math.Pow(2, -i)).ToArray() : null;
        var spec = new MatrixStateSpec(kind, factors, 0.7, seed % 2 == 0 ? 0 : 8);
        KernelPair.Agree(type, 64, 8, [q, k, v, decay, a, b, initial], [values, state],
            (backend, i, r) => Forward(backend, spec, i, r[0]!, r[1]!, (options & Keeps) != 0));

        Operand dout = Operand.Normal(seed + 7, 1, values);
        var dfinal = (options & HasFinalCotangent) != 0 ? Operand.Normal(seed + 8, 1, state) : null;
        int[]? perDecay = decay?.Dims, perDelta = a?.Dims, perInitial = initial?.Dims;
        KernelPair.Agree(type, 128, 8 * Math.Sqrt(Math.Max(keyWidth, valueWidth)), [q, k, v, decay, a, b, initial, dout, dfinal],
            [keys, keys, values, perDecay, perDelta, perDelta, perInitial],
            (backend, i, r) =>
            {
                using Tensor output = Tensor.Allocate(Layout.Contiguous(values), type, i[0]!.Device), final = Tensor.Allocate(Layout.Contiguous(state), type, i[0]!.Device);
                using var kept = Forward(backend, spec, i, output, final, true)!;
                backend.MatrixStateVjp(spec, i[7]!, i[8], i[0]!, i[1]!, i[2]!, i[3], i[4], i[5], kept, r[0]!, r[1]!, r[2]!, r[3], r[4], r[5], r[6]);
            });
    }

    private static Tensor? Forward(IBackend backend, MatrixStateSpec spec, Tensor?[] i, Tensor output, Tensor final, bool keeps)
    {
        var spacing = backend.MatrixStateSpacing(spec.Chunk);
        Tensor q = i[0]!, v = i[2]!;
        var kept = keeps
            ? Tensor.Allocate([q.Size(0), q.Size(2), (q.Size(1) + spacing - 1) / spacing, q.Size(3), v.Size(3)], q.DType, q.Device)
            : null;
        backend.MatrixState(spec, q, i[1]!, v, i[3], i[4], i[5], i[6], output, final, kept);
        return kept;
    }
}
