using System.Buffers.Binary;
using System.Text.Json;
using Edifice.Engine.Serialization;
using FsCheck.Xunit;

namespace Edifice.Engine.Tests.Serialization;

public sealed class SafetensorsRoundTripTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Property(Arbitrary = [typeof(StoredTensorGenerators)])]
    public void What_is_written_is_read_back_bit_for_bit(StoredTensors contents)
    {
        var path = _folder.At("any.safetensors");
        StoredTensor.Write(path, contents.Items);

        using var file = SafetensorsFile.Open(path);

        Assert.Equal(contents.Items.Select(t => t.Name).ToHashSet(), file.Tensors.Keys.ToHashSet());
        foreach (var expected in contents.Items)
        {
            var entry = file.Tensors[expected.Name];
            Assert.Equal((expected.Name, expected.DType), (entry.Name, entry.DType));
            Assert.Equal(expected.Dims, entry.Shape.AsSpan().ToArray());
            using var tensor = file.Read(expected.Name);
            Assert.Equal(expected.DType, tensor.DType);
            Assert.Equal(expected.Dims, tensor.Shape.AsSpan().ToArray());
            Assert.Equal(expected.Bytes(), StoredTensor.BytesOf(tensor));
        }
    }

    [Property(Arbitrary = [typeof(StoredTensorGenerators)], MaxTest = 50)]
    public void The_same_tensors_in_another_order_give_the_same_bytes(StoredTensors contents)
    {
        StoredTensor.Write(_folder.At("a"), contents.Items, [new("x", "1"), new("y", "2")]);
        StoredTensor.Write(_folder.At("b"), contents.Items.Reverse(), [new("y", "2"), new("x", "1")]);

        Assert.Equal(File.ReadAllBytes(_folder.At("a")), File.ReadAllBytes(_folder.At("b")));
    }

    [Property(Arbitrary = [typeof(StoredTensorGenerators)], MaxTest = 50)]
    public void Every_written_tensor_is_aligned_to_its_elements(StoredTensors contents)
    {
        StoredTensor.Write(_folder.At("a"), contents.Items, [new("length", new string('x', contents.Items.Length))]);
        var bytes = File.ReadAllBytes(_folder.At("a"));
        var dataStart = 8 + BinaryPrimitives.ReadInt64LittleEndian(bytes);

        Assert.Equal(0, dataStart % 8);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, (int)dataStart - 8));
        foreach (var item in contents.Items)
            Assert.Equal(0, header.RootElement.GetProperty(item.Name).GetProperty("data_offsets")[0].GetInt64() % item.DType.SizeOf());
    }

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public void A_view_is_written_in_row_major_order(TensorCase x)
    {
        SafetensorsFile.Write(_folder.At("view"), [new("x", x.Build())]);

        using var file = SafetensorsFile.Open(_folder.At("view"));
        using var read = file.Read("x");

        Assert.Equal(x.Dims, read.Shape.AsSpan().ToArray());
        Assert.Equal(x.Values().Values, read.ToArray<double>());
    }

    [Property(Arbitrary = [typeof(StoredTensorGenerators)])]
    public void Reading_as_another_dtype_is_reading_and_then_converting(StoredTensors contents, DType dtype)
    {
        StoredTensor.Write(_folder.At("any"), contents.Items);
        using var file = SafetensorsFile.Open(_folder.At("any"));

        foreach (var item in contents.Items)
        {
            using var converted = file.Read(item.Name, dtype);
            using var expected = file.Read(item.Name).To(dtype);
            Assert.Equal(dtype, converted.DType);
            Assert.Equal(StoredTensor.BytesOf(expected), StoredTensor.BytesOf(converted));
        }
    }

    [Fact]
    public void Reading_16_bit_floats_as_doubles_is_exact()
    {
        var bits = Enumerable.Range(0, 1 << 16).Select(i => (ushort)i).ToArray();
        var bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(bits.AsSpan());
        SafetensorsFile.Write(_folder.At("a"),
        [
            new("half", StoredTensor.FromBytes(DType.Float16, [bits.Length], bytes)),
            new("brain", StoredTensor.FromBytes(DType.BFloat16, [bits.Length], bytes)),
        ]);
        using var file = SafetensorsFile.Open(_folder.At("a"));

        Assert.Equal(bits.Select(b => (double)BitConverter.UInt16BitsToHalf(b)), file.Read("half", DType.Float64).ToArray<double>());
        Assert.Equal(bits.Select(b => (double)BitConverter.UInt32BitsToSingle((uint)b << 16)), file.Read("brain", DType.Float64).ToArray<double>());
    }

    [Fact]
    public void Metadata_keeps_any_text()
    {
        var notes = new Dictionary<string, string> { ["options"] = """{"num_heads": 4}""", [""] = "", ["größe"] = "重\n\0\u2028𝒳" };
        SafetensorsFile.Write(_folder.At("a"), [], notes);

        using var file = SafetensorsFile.Open(_folder.At("a"));

        Assert.Equal(notes, file.Metadata.ToDictionary());
        Assert.Empty(file.Tensors);
    }

    [Fact]
    public void Tensors_of_a_closed_file_stay_and_the_file_reads_no_more()
    {
        var stored = new StoredTensor("w", DType.Float32, [3, 2], 7);
        StoredTensor.Write(_folder.At("a"), [stored]);
        var file = SafetensorsFile.Open(_folder.At("a"));
        using var tensor = file.Read("w");

        file.Dispose();

        Assert.Equal(stored.Bytes(), StoredTensor.BytesOf(tensor));
        Assert.Throws<ObjectDisposedException>(() => file.Read("w"));
    }

    [Fact]
    public void A_tensor_the_file_does_not_have_is_an_error_that_lists_what_it_has()
    {
        StoredTensor.Write(_folder.At("a"), [new("weight", DType.Float32, [1], 0), new("bias", DType.Float32, [1], 0)]);
        using var file = SafetensorsFile.Open(_folder.At("a"));

        var error = Assert.Throws<SafetensorsException>(() => file.Read("wieght"));

        Assert.Equal(("wieght", _folder.At("a")), (error.Tensor, error.Path));
        Assert.Contains("'weight'", error.Message);
        Assert.Contains("'bias'", error.Message);
    }

    /// <summary>The golden files come from another writer; a plain JSON parse is the second opinion on this reader.</summary>
    [Fact]
    public void Every_golden_file_reads_as_a_plain_parse_of_it_does()
    {
        foreach (var name in RepositoryFiles.GoldenNames())
        {
            var bytes = File.ReadAllBytes(RepositoryFiles.Golden(name));
            var dataStart = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            using var header = JsonDocument.Parse(bytes.AsMemory(8, dataStart - 8));
            using var file = SafetensorsFile.Open(RepositoryFiles.Golden(name));
            var expectedNames = header.RootElement.EnumerateObject().Select(p => p.Name).Where(n => n != "__metadata__");
            Assert.Equal(expectedNames, file.Tensors.Keys);
            foreach (var note in header.RootElement.GetProperty("__metadata__").EnumerateObject())
                Assert.Equal(note.Value.GetString(), file.Metadata[note.Name]);
            foreach (var tensorName in file.Tensors.Keys)
            {
                var described = header.RootElement.GetProperty(tensorName);
                var (begin, end) = (described.GetProperty("data_offsets")[0].GetInt32(), described.GetProperty("data_offsets")[1].GetInt32());
                using var tensor = file.Read(tensorName);
                Assert.Equal(DType.Float64, tensor.DType);
                Assert.Equal(described.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()), tensor.Shape.AsSpan().ToArray());
                Assert.True(bytes.AsSpan(dataStart + begin, end - begin).SequenceEqual(StoredTensor.BytesOf(tensor)), $"{name}: {tensorName}");
            }
        }
    }
}
