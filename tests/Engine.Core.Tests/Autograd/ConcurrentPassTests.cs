using Edifice.Engine.Autograd;

namespace Edifice.Engine.Tests.Autograd;

/// <summary>Passes of several threads over one graph: what a pass wants and finds is its own.</summary>
public class ConcurrentPassTests
{
    private sealed class Product : CustomFunction
    {
        protected override Tensor[] Forward(Tensor[] inputs)
        {
            Save(inputs[0], inputs[1]);
            return [inputs[0] * inputs[1]];
        }

        protected override Tensor?[] Backward(Tensor?[] cotangents)
        {
            // Long enough for the other thread to be in here too.
            for (var i = 0; i < 20; i++) _ = Saved(0).Exp();
            return [Needs(0) ? cotangents[0]! * Saved(1) : null, Needs(1) ? cotangents[0]! * Saved(0) : null];
        }
    }

    private static Tensor Normal(ulong seed) => Tensor.Randn([16, 16], DType.Float64, generator: new Generator(seed)).RequiresGrad();

    /// <summary>A chain of rules that ask what is needed, each of them a step of every pass.</summary>
    private static Tensor Chain(Tensor a, Tensor b)
    {
        var y = a * b;
        for (var i = 0; i < 8; i++) y = (y.MatMul(b) * 0.1).Tanh() / (a.Square() + 1) - new Product().Apply(a, y)[0] * 0.01;
        return y;
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Threads_that_ask_one_graph_for_different_gradients_get_the_bits_of_passes_in_turn(bool graph, bool checkpoint)
    {
        Tensor a = Normal(1), b = Normal(2);
        var y = checkpoint ? Gradients.Checkpoint(() => [Chain(a, b)])[0] : Chain(a, b);
        var first = y * 2;
        var second = (y * 3).Sin();
        Tensor[][] targets = [[a], [b], [a, b]];
        double[][] Pull(Tensor output, Tensor[] by) =>
            [.. Gradients.Of([output.Sum()], by, retainGraph: true, createGraph: graph).Select(g => g!.Detach().ToArray<double>())];
        // In turn on a graph of its own, so that the threads start on one that no pass has touched.
        Tensor own = Chain(a, b), ownFirst = own * 2, ownSecond = (own * 3).Sin();
        var expected = targets.SelectMany(t => new[] { Pull(ownFirst, t), Pull(ownSecond, t) }).ToArray();
        for (var round = 0; round < 5; round++)
        {
            var found = new double[expected.Length][][];
            using var start = new Barrier(found.Length);
            var threads = Enumerable.Range(0, found.Length).Select(i => new Thread(() =>
            {
                start.SignalAndWait();
                found[i] = Pull(i % 2 == 0 ? first : second, targets[i / 2]);
            })).ToArray();
            foreach (var t in threads) t.Start();
            foreach (var t in threads) t.Join();
            for (var i = 0; i < found.Length; i++)
                for (var k = 0; k < found[i].Length; k++) Assert.Equal(expected[i][k], found[i][k]);
        }
    }
}
