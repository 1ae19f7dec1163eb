using Edifice.Attention.Tests.Laws;
using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention.Tests.Applications;

public class LanguageModelTests
{
    private const int Vocabulary = 7;

    [Theory]
    [InlineData(false, TokenPositions.None)]
    [InlineData(true, TokenPositions.Sinusoidal)]
    public void Streamed_scores_are_those_of_the_whole_pass(bool tied, TokenPositions positions)
    {
        using var off = Tensor.NoGrad();
        var model = Model(tied, positions);
        var tokens = Tokens(2, 9);
        var logits = model.Logits(tokens);
        using var stream = model.Start(2);
        Near.Equal(logits.Select(1, 3), stream.Read(tokens.Narrow(1, 0, 4)), 1e-10);
        for (var t = 4; t < 9; t++) Near.Equal(logits.Select(1, t), stream.Read(tokens.Narrow(1, t, 1)), 1e-10);
    }

    [Fact]
    public void Generation_is_the_same_with_and_without_a_streaming_state()
    {
        var model = Model();
        var streamed = model.Generate([1, 2, 3], 12, new Sampling { Seed = 4 }).ToArray();
        Assert.Equal(streamed, Rerun(model, [1, 2, 3], 12, new Sampling { Seed = 4 }));
        Assert.NotEqual(streamed, model.Generate([1, 2, 3], 12, new Sampling { Seed = 5 }).ToArray());
        Assert.Equal(streamed, model.Generate([1, 2, 3], 12, new Sampling { Seed = 4 }).ToArray());
    }

    [Fact]
    public void A_block_without_a_stream_reads_its_last_tokens_anew()
    {
        using var off = Tensor.NoGrad();
        var model = Model(causal: false);
        var tokens = Tokens(2, 9);
        using var stream = model.Start(2, contextLength: 5);
        Assert.Null(stream.State);
        stream.Read(tokens.Narrow(1, 0, 7));
        var scores = stream.Read(tokens.Narrow(1, 7, 2));
        Near.Equal(model.Logits(tokens.Narrow(1, 4, 5)).Select(1, -1), scores);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_clone_reads_on_as_the_stream_would_have_and_a_reset_stream_begins_anew(bool causal)
    {
        using var off = Tensor.NoGrad();
        var model = Model(causal: causal);
        var tokens = Tokens(2, 9);
        using var stream = model.Start(2);
        var first = stream.Read(tokens.Narrow(1, 0, 4));
        using var clone = stream.Clone();
        var on = stream.Read(tokens.Narrow(1, 4, 5));
        Assert.Equal(9, stream.Time);
        Assert.Equal(4, clone.Time);
        Near.Equal(on, clone.Read(tokens.Narrow(1, 4, 5)));
        stream.Reset();
        Assert.Equal(0, stream.Time);
        Near.Equal(first, model.Score(stream.ReadHidden(tokens.Narrow(1, 0, 4))));
    }

    [Fact]
    public void Greedy_and_top_1_take_the_most_likely_token()
    {
        var model = Model();
        var greedy = model.Generate([1], 8, Sampling.Greedy).ToArray();
        Assert.Equal(greedy, model.Generate([1], 8, new Sampling { TopK = 1, Seed = 9 }).ToArray());
        using var off = Tensor.NoGrad();
        var tokens = Tensor.FromArray([1L, .. greedy.Select(t => (long)t)], [1, 9]);
        var best = model.Logits(tokens).ArgMax(-1).ToArray<long>();
        Assert.Equal(greedy, best[..8].Select(t => (int)t));
    }

    [Fact]
    public void It_learns_a_sequence_by_heart()
    {
        Generator.Seeded(3);
        var model = new LanguageModel(5, new Gqa(new GqaOptions { EmbedDim = 16, HiddenSize = 16, NumHeads = 2, NumKvHeads = 1, NumLayers = 1, Rope = true, FfnMult = 2, Dropout = 0 }), tied: true);
        var optimizer = new Optimizer(model, new AdamW { LearningRate = 0.01 });
        long[] text = [0, 1, 2, 0, 3, 4, 1, 1, 2, 4, 3, 0];
        Tensor tokens = Tensor.FromArray(text[..^1], [1, 11]), targets = Tensor.FromArray(text[1..], [1, 11]);
        double loss = 0;
        for (var step = 0; step < 120; step++)
        {
            using var scope = Tensor.Scope();
            optimizer.ZeroGrad();
            var l = model.Loss(tokens, targets);
            l.Backward();
            optimizer.Step();
            loss = l.Item();
        }

        Assert.InRange(loss, 0, 0.1);
        model.Eval();
        Assert.Equal(text[1..].Select(t => (int)t), model.Generate([0], 11, Sampling.Greedy));
    }

    [Fact]
    public void Targets_of_minus_one_hundred_do_not_count()
    {
        using var off = Tensor.NoGrad();
        var model = Model();
        var tokens = Tokens(1, 4);
        var some = model.Loss(tokens, Tensor.FromArray([-100L, 3, -100, 5], [1, 4])).Item();
        var logits = model.Logits(tokens);
        var expected = -(logits.LogSoftmax()[0, 1, 3].Item() + logits.LogSoftmax()[0, 3, 5].Item()) / 2;
        Assert.Equal(expected, some, 12);
    }

    [Fact]
    public void A_tied_head_needs_one_width_and_has_no_weight_of_its_own()
    {
        Assert.DoesNotContain(Model(tied: true).NamedParameters(), p => p.Name.StartsWith("head", StringComparison.Ordinal));
        Assert.Contains(Model().NamedParameters(), p => p.Name == "head.weight");
        var block = new MultiHead(new MultiHeadOptions { EmbedDim = 8, HiddenSize = 16 });
        Assert.Contains("embed_dim is 8, hidden_size 16", Assert.Throws<TensorException>(() => new LanguageModel(5, block, tied: true)).Message);
    }

    [Fact]
    public void The_embedding_is_multiplied_by_its_scale()
    {
        using var off = Tensor.NoGrad();
        var parameters = new ParameterOptions { DType = DType.Float64 };
        var tokens = Tensor.FromArray([2L, 0, 1, 2], [2, 2]);
        foreach (var scale in new double?[] { null, 1, -2.5 })
        {
            var embedding = new TokenEmbedding(3, 4, parameters: parameters, scale: scale);
            Assert.Equal(scale ?? 2, embedding.Scale);
            Near.Same(Tensor.Embedding(embedding.Weight, tokens) * (scale ?? 2), embedding.Forward(tokens));
        }

        Assert.Contains("not 0, got 0", Assert.Throws<TensorException>(() => new TokenEmbedding(3, 4, scale: 0)).Message);
        Assert.Throws<TensorException>(() => new TokenEmbedding(3, 4, scale: double.NaN));
    }

    [Fact]
    public void Capped_scores_are_a_tanh_of_the_plain_ones_in_whole_passes_streams_and_losses()
    {
        using var off = Tensor.NoGrad();
        const double cap = 0.7;
        LanguageModel plain = Model(), capped = Model(cap: cap);
        var tokens = Tokens(2, 6);
        var logits = plain.Logits(tokens);
        Assert.True(logits.Abs().Max().Item() > 1);
        var expected = (logits / cap).Tanh() * cap;
        Near.Same(expected, capped.Logits(tokens));
        Assert.True(expected.Abs().Max().Item() < cap);
        using var stream = capped.Start(2);
        Near.Equal(expected.Select(1, 5), stream.Read(tokens), 1e-10);
        Assert.Equal(expected.CrossEntropy(tokens).Item(), capped.Loss(tokens, tokens).Item());
        Assert.Contains("above 0, got -1", Assert.Throws<TensorException>(() => Model(cap: -1)).Message);
    }

    [Fact]
    public void A_model_in_training_does_not_generate()
    {
        var model = Model();
        model.Train();
        Assert.Contains("Eval()", Assert.Throws<InvalidOperationException>(() => model.Generate([1], 1)).Message);
    }

    [Fact]
    public void A_classifier_scores_the_blocks_output()
    {
        using var off = Tensor.NoGrad();
        Generator.Seeded(3);
        var block = new MultiHead(new MultiHeadOptions { EmbedDim = 8, HiddenSize = 8, NumHeads = 2, Causal = false, Dropout = 0 });
        var model = new SequenceClassifier(Vocabulary, 3, block, TokenPositions.Sinusoidal);
        var tokens = Tokens(4, 6);
        var head = (Linear)model.NamedModules().Single(m => m.Name == "head").Module;
        Near.Same(head.Forward(block.Forward(model.Embedding.Forward(tokens))), model.Logits(tokens));
        Assert.Equal([4, 3], model.Logits(tokens).Shape);
        Assert.Equal(model.Logits(tokens).CrossEntropy(Tensor.FromArray([0L, 2, 1, 1])).Item(), model.Loss(tokens, Tensor.FromArray([0L, 2, 1, 1])).Item());
    }

    [Fact]
    public void Sinusoids_are_those_of_the_paper_at_any_offset()
    {
        using var off = Tensor.NoGrad();
        var embedding = new TokenEmbedding(3, 5, TokenPositions.Sinusoidal, new ParameterOptions { DType = DType.Float64 });
        embedding.Weight.Value.FillInPlace(0);
        var x = embedding.Forward(Tensor.Zeros([1, 2], DType.Int64), offset: 100);
        for (var t = 0; t < 2; t++)
            for (var c = 0; c < 5; c++)
            {
                var angle = (100 + t) / Math.Pow(10000, (c - c % 2) / 5.0);
                Assert.Equal(c % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle), x[0, t, c].Item(), 12);
            }
    }

    /// <summary>Generation that reads everything anew for each token.</summary>
    private static int[] Rerun(LanguageModel model, long[] prompt, int count, Sampling sampling)
    {
        using var off = Tensor.NoGrad();
        var generator = new Generator(sampling.Seed);
        var text = prompt.ToList();
        for (var i = 0; i < count; i++)
            text.Add(sampling.Draw(model.Logits(Tensor.FromArray(text.ToArray(), [1, text.Count])).Select(1, -1), generator).Item() is var t ? (long)t : 0);
        return [.. text[prompt.Length..].Select(t => (int)t)];
    }

    private static Tensor Tokens(int batch, int length) => (Tensor.Rand([batch, length], generator: new Generator(8)) * Vocabulary).To(DType.Int64);

    private static LanguageModel Model(bool tied = false, TokenPositions positions = TokenPositions.None, bool causal = true, double? cap = null)
    {
        Generator.Seeded(6);
        var parameters = new ParameterOptions { DType = DType.Float64 };
        var block = new MultiHead(new MultiHeadOptions { EmbedDim = 8, HiddenSize = 8, NumHeads = 2, Causal = causal }, parameters);
        var model = new LanguageModel(Vocabulary, block, tied, positions, parameters, logitCap: cap);
        model.Eval();
        return model;
    }
}
